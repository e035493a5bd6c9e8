package main

import (
	"errors"
	"log/slog"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"
)

var statusCodes = map[string]codes.Code{
	"TOKEN_MISSING":                     codes.Unauthenticated,
	"TOKEN_INVALID":                     codes.Unauthenticated,
	"TOKEN_EXPIRED":                     codes.Unauthenticated,
	"NOT_OWNER":                         codes.PermissionDenied,
	"RETURN_URL_NOT_ALLOWED":            codes.InvalidArgument,
	"FLOW_INVALID":                      codes.InvalidArgument,
	"LOCALE_INVALID":                    codes.InvalidArgument,
	"FEATURE_DISABLED":                  codes.FailedPrecondition,
	"NO_BILLING_ACCOUNT":                codes.FailedPrecondition,
	"TENANT_MISMATCH":                   codes.FailedPrecondition,
	"TENANT_PROOF_MISSING":              codes.FailedPrecondition,
	"BILLING_ACCOUNT_MISSING_AT_STRIPE": codes.FailedPrecondition,
	"PORTAL_NOT_CONFIGURED":             codes.FailedPrecondition,
	"STRIPE_UNAVAILABLE":                codes.Unavailable,
	"STRIPE_RATE_LIMITED":               codes.Unavailable,
	"STRIPE_CONFLICT":                   codes.Unavailable,
	"DATABASE_UNAVAILABLE":              codes.Unavailable,
	"AUDIT_UNAVAILABLE":                 codes.Unavailable,
	"DEADLINE_EXCEEDED":                 codes.DeadlineExceeded,
	"MAPPING_INTEGRITY":                 codes.Internal,
	"STRIPE_RESPONSE_REJECTED":          codes.Internal,
	"STRIPE_CREDENTIALS":                codes.Internal,
	"STRIPE_PROTOCOL":                   codes.Internal,
	"BUG":                               codes.Internal,
}

// Refusal is the error of every call that is refused. The cause is logged, and never sent.
type Refusal struct{ reason, cause, field string }

func (r *Refusal) Error() string { return r.reason + ": " + r.cause }

func refuse(reason, cause string) error { return &Refusal{reason: reason, cause: cause} }

func refuseField(reason, field string) error { return &Refusal{reason: reason, field: field} }

func refusalOf(err error) *Refusal {
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		return refusal
	}
	return &Refusal{reason: "BUG", cause: err.Error()}
}

func reasonOf(err error) string {
	if err == nil {
		return "OK"
	}
	return refusalOf(err).reason
}

// statusOf returns a status with an ErrorInfo, and logs the failures that an operator has to know.
func statusOf(err error, requestID string) error {
	refusal := refusalOf(err)
	code := statusCodes[refusal.reason]
	details := []protoadapt.MessageV1{&errdetails.ErrorInfo{
		Reason: refusal.reason, Domain: "billing.portal.v1", Metadata: map[string]string{"request_id": requestID},
	}}
	if refusal.field != "" {
		violation := &errdetails.BadRequest_FieldViolation{Field: refusal.field, Description: "is not allowed"}
		details = append(details, &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{violation}})
	}
	if code == codes.Unavailable {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(time.Second)})
	}
	if code == codes.Unavailable || code == codes.Internal {
		slog.Warn("request refused", "request_id", requestID, "reason", refusal.reason, "cause", refusal.cause)
	}
	refused, err := status.New(code, refusal.reason).WithDetails(details...)
	if err != nil {
		return status.Error(code, refusal.reason)
	}
	return refused.Err()
}
