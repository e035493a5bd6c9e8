package main

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"google.golang.org/grpc/metadata"
)

const leeway = 5 * time.Second

var id = regexp.MustCompile(`^[!-~]{1,255}$`)

// Principal is the claims of a verified token.
type Principal struct {
	jwt.RegisteredClaims
	Tenant string `json:"tenant"`
	Role   string `json:"role"`
}

// Validate is called by the parser, after its own checks.
func (p *Principal) Validate() error {
	if p.IssuedAt == nil || p.ExpiresAt == nil {
		return errors.New("iat or exp")
	}
	if lifetime := p.ExpiresAt.Sub(p.IssuedAt.Time); lifetime <= 0 || lifetime > 5*time.Minute {
		return errors.New("lifetime")
	}
	if len(p.Audience) != 1 || !id.MatchString(p.Subject) || !id.MatchString(p.Tenant) || p.Role == "" {
		return errors.New("claims")
	}
	return nil
}

func (p *Principal) checkDisplayedTenant(displayed string) error {
	if displayed != "" && displayed != p.Tenant {
		return refuse("TENANT_MISMATCH", "")
	}
	return nil
}

// Tokens verifies principal tokens.
type Tokens struct {
	parser *jwt.Parser
	keys   *Watched[keyfunc.Keyfunc]
}

func openTokens() *Tokens {
	keys := watch(setting("PRINCIPAL_JWKS"), func(text []byte) (keyfunc.Keyfunc, error) {
		return keyfunc.NewJWKSetJSON(text)
	})
	if keys.get() == nil {
		fail("PRINCIPAL_JWKS: not a JSON Web Key Set")
	}
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{"EdDSA", "ES256", "RS256", "PS256"}), jwt.WithIssuer(setting("PRINCIPAL_ISSUER")),
		jwt.WithAudience(setting("PRINCIPAL_AUDIENCE")), jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
		jwt.WithLeeway(leeway), jwt.WithStrictDecoding())
	return &Tokens{parser, keys}
}

func (t *Tokens) authenticate(ctx context.Context) (*Principal, error) {
	values := metadata.ValueFromIncomingContext(ctx, "authorization")
	if len(values) == 0 {
		return nil, refuse("TOKEN_MISSING", "")
	}
	text, isBearer := strings.CutPrefix(values[0], "Bearer ")
	if len(values) > 1 || !isBearer || len(text) > 8192 {
		return nil, refuse("TOKEN_INVALID", "authorization")
	}
	var principal Principal
	_, err := t.parser.ParseWithClaims(text, &principal, func(token *jwt.Token) (any, error) {
		if token.Header["typ"] != "principal+jwt" {
			return nil, errors.New("typ")
		}
		return t.keys.get().Keyfunc(token)
	})
	if errors.Is(err, jwt.ErrTokenExpired) {
		return nil, refuse("TOKEN_EXPIRED", "")
	}
	if err != nil {
		return nil, refuse("TOKEN_INVALID", err.Error())
	}
	return &principal, nil
}
