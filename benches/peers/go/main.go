// The service's two methods with the common libraries of Go. ../README.md says what this leaves out.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/stripe/stripe-go/v84"
	"google.golang.org/grpc"

	portalv1 "example.com/billing-portal-peer/gen/billing/portal/v1"
)

func main() {
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{ReplaceAttr: renameMessage})))
	portal := newPortal()
	listener, err := net.Listen("tcp", setting("LISTEN"))
	if err != nil {
		fail("LISTEN: %v", err)
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(16384), grpc.UnaryInterceptor(portal.finish))
	portalv1.RegisterBillingPortalServer(server, portal)
	portalv1.RegisterPortalAccessServer(server, portal)
	ended, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ended, server.GracefulStop)
	slog.Info("listening", "address", listener.Addr().String())
	if err := server.Serve(listener); err != nil {
		fail("%v", err)
	}
}

func fail(format string, values ...any) {
	fmt.Fprintf(os.Stderr, "billing-portal-peer: "+format+"\n", values...)
	os.Exit(64)
}

func setting(name string) string {
	value := os.Getenv(name)
	if value == "" {
		fail("%s: must be set", name)
	}
	return value
}

func list(name string) map[string]bool {
	entries := map[string]bool{}
	for entry := range strings.SplitSeq(setting(name), ",") {
		entries[strings.TrimSpace(entry)] = true
	}
	return entries
}

// The service's name for slog's "msg".
func renameMessage(_ []string, attribute slog.Attr) slog.Attr {
	if attribute.Key == slog.MessageKey {
		attribute.Key = "message"
	}
	return attribute
}

// Portal implements both services.
type Portal struct {
	portalv1.UnimplementedBillingPortalServer
	portalv1.UnimplementedPortalAccessServer
	tokens        *Tokens
	returnOrigins map[string]bool
	sessionHosts  map[string]bool
	flag          *Watched[Flag]
	directory     *Directory
	audit         *AuditLog
	stripe        *stripe.Client
	livemode      bool
}

func newPortal() *Portal {
	mode := setting("STRIPE_MODE")
	if mode != "live" && mode != "test" {
		fail("STRIPE_MODE: expected live or test")
	}
	key, err := os.ReadFile(setting("STRIPE_SECRET_KEY_FILE"))
	secret := strings.TrimSpace(string(key))
	if err != nil || !strings.HasPrefix(secret, "sk_"+mode+"_") && !strings.HasPrefix(secret, "rk_"+mode+"_") {
		fail("STRIPE_SECRET_KEY_FILE: not a key of STRIPE_MODE")
	}
	// net/http keeps only two idle connections to a host by default.
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = 0, 5000
	backends := stripe.NewBackendsWithConfig(&stripe.BackendConfig{
		URL:               stripe.String(setting("STRIPE_API_BASE")),
		HTTPClient:        &http.Client{Transport: transport, Timeout: 4 * time.Second},
		MaxNetworkRetries: stripe.Int64(2),
		EnableTelemetry:   stripe.Bool(false),
		LeveledLogger:     &stripe.LeveledLogger{Level: stripe.LevelNull},
	})
	return &Portal{
		tokens:        openTokens(),
		returnOrigins: list("RETURN_URL_ORIGINS"),
		sessionHosts:  list("STRIPE_SESSION_HOSTS"),
		flag:          watch(setting("FLAGS_FILE"), parseFlag),
		directory:     openDirectory(setting("DATABASE_FILE")),
		audit:         openAuditLog(setting("AUDIT_FILE")),
		stripe:        stripe.NewClient(secret, stripe.WithBackends(backends)),
		livemode:      mode == "live",
	}
}

// The facts of a call for the audit log. The interceptor creates them, and the handler fills them.
type factsKey struct{}

// finish is the interceptor of all methods: it limits their time, audits the outcome of those of BillingPortal, that of a
// released URL before the response is sent, and turns refusals into statuses.
func (p *Portal) finish(
	ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler,
) (any, error) {
	started := time.Now()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	service, method, _ := strings.Cut(info.FullMethod[1:], "/")
	facts := &Entry{RequestID: uuid.NewString(), RPC: method}
	response, err := handler(context.WithValue(ctx, factsKey{}, facts), request)
	if service == portalv1.BillingPortal_ServiceDesc.ServiceName {
		released, duration := err == nil, time.Since(started).Milliseconds()
		facts.Event, facts.Reason, facts.Released, facts.DurationMS = "outcome", reasonOf(err), &released, &duration
		// A refusal keeps its reason, whether or not it can be written.
		if written := p.audit.append(facts, released); err == nil {
			err = written
		}
	}
	if err != nil {
		return nil, statusOf(err, facts.RequestID)
	}
	return response, nil
}

// CreatePortalSession opens the portal of the owner's own tenant.
func (p *Portal) CreatePortalSession(
	ctx context.Context, request *portalv1.CreatePortalSessionRequest,
) (*portalv1.CreatePortalSessionResponse, error) {
	facts := ctx.Value(factsKey{}).(*Entry)
	principal, err := p.tokens.authenticate(ctx)
	if err != nil {
		return nil, err
	}
	facts.Subject, facts.Tenant, facts.Role = principal.Subject, principal.Tenant, principal.Role
	if principal.Role != "owner" {
		return nil, refuse("NOT_OWNER", "role")
	}
	params, flow, err := parseRequest(request, p.returnOrigins)
	if err != nil {
		return nil, err
	}
	facts.Flow = flow
	if err := principal.checkDisplayedTenant(request.DisplayedTenantId); err != nil {
		return nil, err
	}
	customer, err := p.decide(ctx, principal)
	if err != nil {
		return nil, err
	}
	facts.Event, facts.Customer = "intent", customer
	if err := p.audit.append(facts, true); err != nil {
		return nil, err
	}

	params.Customer = stripe.String(customer)
	params.SetIdempotencyKey(uuid.NewString())
	var found *stripe.Customer
	var session *stripe.BillingPortalSession
	var foundErr, sessionErr error
	var calls sync.WaitGroup
	calls.Go(func() {
		found, foundErr = p.stripe.V1Customers.Retrieve(ctx, customer, &stripe.CustomerRetrieveParams{})
	})
	session, sessionErr = p.stripe.V1BillingPortalSessions.Create(ctx, params)
	calls.Wait()
	if sessionErr == nil {
		// The audit names a session that was created, even if it is not released.
		facts.Session = session.ID
		facts.StripeRequestID = session.LastResponse.RequestID
	}
	if foundErr != nil {
		return nil, stripeRefusal(ctx, foundErr, false)
	}
	if err := p.checkCustomer(found, customer, principal.Tenant); err != nil {
		return nil, err
	}
	if sessionErr != nil {
		return nil, stripeRefusal(ctx, sessionErr, true)
	}
	if err := p.checkSession(session, params); err != nil {
		return nil, err
	}

	// Stripe may have taken seconds.
	p.flag.refresh()
	current, err := p.decide(ctx, principal)
	if err != nil {
		return nil, err
	}
	if current != customer {
		return nil, refuse("MAPPING_INTEGRITY", "changed during the call")
	}
	return &portalv1.CreatePortalSessionResponse{Url: session.URL}, nil
}

// GetPortalAccess returns whether a page may offer the portal.
func (p *Portal) GetPortalAccess(
	ctx context.Context, request *portalv1.GetPortalAccessRequest,
) (*portalv1.GetPortalAccessResponse, error) {
	principal, err := p.tokens.authenticate(ctx)
	if err != nil {
		return nil, err
	}
	if err := principal.checkDisplayedTenant(request.DisplayedTenantId); err != nil {
		return nil, err
	}
	_, err = p.decide(ctx, principal)
	switch reasonOf(err) {
	case "OK":
		return &portalv1.GetPortalAccessResponse{Visible: true, Reason: portalv1.Reason_REASON_ALLOWED}, nil
	case "NOT_OWNER":
		return &portalv1.GetPortalAccessResponse{Reason: portalv1.Reason_REASON_NOT_OWNER}, nil
	case "FEATURE_DISABLED":
		return &portalv1.GetPortalAccessResponse{Reason: portalv1.Reason_REASON_FEATURE_DISABLED}, nil
	case "NO_BILLING_ACCOUNT":
		return &portalv1.GetPortalAccessResponse{Reason: portalv1.Reason_REASON_NO_BILLING_ACCOUNT}, nil
	}
	return nil, err
}

// decide checks role, flag and directory, and returns the tenant's customer.
func (p *Portal) decide(ctx context.Context, principal *Principal) (string, error) {
	if principal.Role != "owner" {
		return "", refuse("NOT_OWNER", "role")
	}
	if !p.flag.get().isOn(principal.Tenant) {
		return "", refuse("FEATURE_DISABLED", "")
	}
	return p.directory.lookUp(ctx, principal.Tenant, principal.Subject)
}
