package main

import (
	"context"
	"database/sql"
	"net/url"
	"regexp"
	"runtime"

	_ "github.com/mattn/go-sqlite3"
)

const lookUp = `
WITH mapping AS MATERIALIZED (
  SELECT stripe_customer_id FROM billing_portal_tenants WHERE tenant_id = ?1 LIMIT 2
)
SELECT
  (SELECT count(*) FROM mapping),
  (SELECT stripe_customer_id FROM mapping),
  EXISTS (
    SELECT 1 FROM mapping CROSS JOIN billing_portal_tenants AS others USING (stripe_customer_id)
    WHERE others.tenant_id IS NOT ?1
  ),
  EXISTS (SELECT 1 FROM billing_portal_owners WHERE tenant_id = ?1 AND user_id = ?2)`

var customerID = regexp.MustCompile(`^cus_[A-Za-z0-9]{1,251}$`)

// Directory is the company's database of tenants and owners.
type Directory struct {
	lookUpStatement *sql.Stmt
}

func openDirectory(path string) *Directory {
	address := url.URL{Scheme: "file", Opaque: url.PathEscape(path), RawQuery: "mode=ro&_busy_timeout=3000&_mutex=no"}
	database, err := sql.Open("sqlite3", address.String())
	if err != nil {
		fail("DATABASE_FILE: %v", err)
	}
	// A query is short and uses a processor, so more connections than processors only wait for each other.
	database.SetMaxOpenConns(runtime.GOMAXPROCS(0))
	database.SetMaxIdleConns(runtime.GOMAXPROCS(0))
	statement, err := database.Prepare(lookUp)
	if err != nil {
		fail("DATABASE_FILE: %v", err)
	}
	return &Directory{statement}
}

// lookUp checks that the user owns the tenant, and returns the tenant's customer.
func (d *Directory) lookUp(ctx context.Context, tenant, user string) (string, error) {
	var rows int
	var customer sql.NullString
	var isShared, isOwner bool
	if err := d.lookUpStatement.QueryRowContext(ctx, tenant, user).Scan(&rows, &customer, &isShared, &isOwner); err != nil {
		return "", refuse("DATABASE_UNAVAILABLE", err.Error())
	}
	switch {
	case !isOwner:
		return "", refuse("NOT_OWNER", "directory")
	case rows > 1:
		return "", refuse("MAPPING_INTEGRITY", "two rows")
	case customer.String == "":
		return "", refuse("NO_BILLING_ACCOUNT", "")
	case !customerID.MatchString(customer.String):
		return "", refuse("MAPPING_INTEGRITY", "malformed customer")
	case isShared:
		return "", refuse("MAPPING_INTEGRITY", "shared customer")
	}
	return customer.String, nil
}
