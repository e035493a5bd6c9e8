// Opens the billing portal once, with a client that was generated from the descriptor set.
package main

import (
	"context"
	"fmt"
	"log"
	"net/url"
	"os"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	portalv1 "example.com/billing-client/gen/billing/portal/v1"
)

func main() {
	log.SetFlags(0)
	// The mesh encrypts and identifies the caller, so the connection itself is plain text.
	connection, err := grpc.NewClient(os.Getenv("SERVICE"),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDisableRetry())
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 12*time.Second)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+os.Getenv("PRINCIPAL_TOKEN"))
	request := &portalv1.CreatePortalSessionRequest{ReturnUrl: os.Getenv("RETURN_URL")}

	response, err := portalv1.NewBillingPortalClient(connection).CreatePortalSession(ctx, request)
	for _, detail := range status.Convert(err).Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			fmt.Println("refused:", detail.Domain, detail.Reason, detail.Metadata["request_id"])
		case *errdetails.BadRequest:
			fmt.Println("field:", detail.FieldViolations[0].Field, detail.FieldViolations[0].Description)
		case *errdetails.RetryInfo:
			fmt.Println("retry after:", detail.RetryDelay.AsDuration().Seconds(), "s")
		}
	}
	if err != nil {
		log.Fatal(err)
	}
	// The URL grants access to anyone who has it, so only its origin is printed.
	if session, err := url.Parse(response.Url); err == nil {
		fmt.Printf("opened: %s://%s\n", session.Scheme, session.Host)
	}
}
