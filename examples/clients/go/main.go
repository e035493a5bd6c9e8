// Opens the billing portal once, with a client that was generated from the descriptor set.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log"
	"net/url"
	"os"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	portalv1 "example.com/billing-client/gen/billing/portal/v1"
)

func main() {
	log.SetFlags(0)
	connection, err := grpc.NewClient(os.Getenv("SERVICE"),
		grpc.WithTransportCredentials(transport()), grpc.WithDisableRetry())
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 12*time.Second)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+os.Getenv("PRINCIPAL_TOKEN"))
	request := &portalv1.CreatePortalSessionRequest{ReturnUrl: os.Getenv("RETURN_URL")}
	// The page for one task, which has a URL of its own to return to when the task is done.
	if completed := os.Getenv("COMPLETED_URL"); completed != "" {
		update := &portalv1.CreatePortalSessionRequest_PaymentMethodUpdate{}
		request.Flow = &portalv1.CreatePortalSessionRequest_PaymentMethodUpdate_{PaymentMethodUpdate: update}
		request.CompletedUrl = &completed
	}

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

// With a mesh, the connection is plain text: the mesh encrypts, and identifies this workload. Without a mesh, the certificate
// of this workload does.
func transport() credentials.TransportCredentials {
	certificate, privateKey := os.Getenv("SERVICE_CERTIFICATE_FILE"), os.Getenv("SERVICE_PRIVATE_KEY_FILE")
	ca := os.Getenv("SERVICE_CA_FILE")
	if certificate+privateKey+ca == "" {
		return insecure.NewCredentials()
	}
	roots := x509.NewCertPool()
	if pem, err := os.ReadFile(ca); err != nil || !roots.AppendCertsFromPEM(pem) {
		log.Fatal("SERVICE_CA_FILE has no certificate: ", err)
	}
	// The files are read for each connection, because certificates are replaced before they expire.
	own := func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(certificate, privateKey)
		return &pair, err
	}
	return credentials.NewTLS(&tls.Config{RootCAs: roots, GetClientCertificate: own})
}
