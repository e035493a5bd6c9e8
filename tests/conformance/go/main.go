// Shows the behaviors of gRPC's interoperability tests with grpc-go. Reads their names, one a line, and prints their results, each with a text
// in base64.
package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const (
	access  = "/billing.portal.v1.PortalAccess/GetPortalAccess"
	session = "/billing.portal.v1.BillingPortal/CreatePortalSession"
)

// bytesCodec sends messages as they are. The test writes them, so that both clients send the same ones.
type bytesCodec struct{}

func (bytesCodec) Marshal(message any) ([]byte, error) { return *message.(*[]byte), nil }
func (bytesCodec) Unmarshal(data []byte, message any) error {
	*message.(*[]byte) = append([]byte{}, data...)
	return nil
}
func (bytesCodec) Name() string { return "proto" }

func connect() *grpc.ClientConn {
	connection, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDisableRetry(), grpc.WithDefaultCallOptions(grpc.ForceCodec(bytesCodec{})))
	if err != nil {
		log.Fatal(err)
	}
	return connection
}

func authorized() context.Context {
	return metadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer "+os.Args[2])
}

// message returns a message that the test has written.
func message(name string) []byte {
	content, err := os.ReadFile(filepath.Join(os.Args[3], name))
	if err != nil {
		log.Fatal(err)
	}
	return content
}

// code returns how the specification of gRPC writes the code of a call.
func code(err error) string {
	name := status.Code(err).String()
	if name == "OK" || name == "Canceled" {
		return map[string]string{"OK": "OK", "Canceled": "CANCELLED"}[name]
	}
	return strings.ToUpper(regexp.MustCompile("([a-z])([A-Z])").ReplaceAllString(name, "${1}_$2"))
}

// result returns the code of a call, and the reason of a refusal.
func result(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return code(err) + " " + info.Reason
		}
	}
	return code(err)
}

// first makes calls one after the other, and returns the first result that is not OK.
func first(count int, each func() error) string {
	for range count {
		if err := each(); err != nil {
			return result(err)
		}
	}
	return "OK"
}

func call(ctx context.Context, connection *grpc.ClientConn, path string, request []byte, options ...grpc.CallOption) error {
	var response []byte
	return connection.Invoke(ctx, path, &request, &response, options...)
}

// all makes calls concurrently, and returns their result if it is the same.
func all(count int, each func() error) string {
	results := make([]string, count)
	var calls sync.WaitGroup
	for number := range count {
		calls.Add(1)
		go func() {
			defer calls.Done()
			results[number] = result(each())
		}()
	}
	calls.Wait()
	for _, each := range results {
		if each != results[0] {
			return fmt.Sprint(results)
		}
	}
	return results[0]
}

// reflect asks for a symbol that does not exist.
func reflect(connection *grpc.ClientConn) error {
	description := &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}
	path := "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
	stream, err := connection.NewStream(context.Background(), description, path)
	if err != nil {
		return err
	}
	request, response := message("SYMBOL"), []byte{}
	if err := stream.SendMsg(&request); err != nil {
		return err
	}
	return stream.RecvMsg(&response)
}

// behavior returns the result of a behavior, and a text that it is about.
func behavior(name string, connection *grpc.ClientConn, lines *bufio.Scanner) (string, string) {
	ctx := authorized()
	var header, trailer metadata.MD
	create := func(ctx context.Context, name string, options ...grpc.CallOption) error {
		return call(ctx, connection, session, message(name), append(options, grpc.Header(&header), grpc.Trailer(&trailer))...)
	}
	switch name {
	case "empty_unary":
		return result(call(ctx, connection, access, nil)), ""
	case "large_unary":
		return result(create(ctx, "LARGEST")), ""
	case "large_unary, 271,828 bytes":
		return result(create(ctx, "TOO_LARGE")), ""
	case "client_compressed_unary":
		return result(create(ctx, "VALID", grpc.UseCompressor(gzip.Name))), ""
	case "server_compressed_unary":
		return result(create(ctx, "VALID")), ""
	case "custom_metadata":
		ctx = metadata.AppendToOutgoingContext(ctx, "x-grpc-test-echo-initial", "test_initial_metadata_value",
			"x-grpc-test-echo-trailing-bin", "\xab\xab\xab")
		err := create(ctx, "VALID")
		echoed := len(header.Get("x-grpc-test-echo-initial")) + len(trailer.Get("x-grpc-test-echo-trailing-bin"))
		return result(err), fmt.Sprint(echoed)
	case "status_code_and_message":
		err := create(context.Background(), "VALID")
		return result(err), status.Convert(err).Message()
	case "special_status_message":
		err := create(ctx, "SPECIAL")
		return result(err), status.Convert(err).Message()
	case "special_status_message, reflection":
		err := reflect(connection)
		return result(err), status.Convert(err).Message()
	case "unimplemented_method":
		return result(call(ctx, connection, "/billing.portal.v1.PortalAccess/UnimplementedCall", nil)), ""
	case "unimplemented_service":
		return result(call(ctx, connection, "/grpc.testing.UnimplementedService/UnimplementedCall", nil)), ""
	case "cancel_after_begin":
		ctx, cancel := context.WithCancel(ctx)
		go func() {
			// The test writes a line when Stripe has received the request.
			lines.Scan()
			cancel()
		}()
		return result(create(ctx, "VALID")), ""
	case "timeout_on_sleeping_server":
		ctx, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		defer cancel()
		// Whether the client or the service notices first is a race. Only the latter names a reason.
		return code(create(ctx, "VALID")), ""
	case "concurrent_large_unary":
		request := message("LARGEST")
		return all(16, func() error { return call(ctx, connection, session, request) }), ""
	case "rpc_soak":
		return first(100, func() error { return call(ctx, connection, access, nil) }), ""
	case "channel_soak":
		return first(20, func() error {
			own := connect()
			defer own.Close()
			return call(ctx, own, access, nil)
		}), ""
	}
	return "unknown behavior", ""
}

func main() {
	log.SetFlags(0)
	connection := connect()
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		result, text := behavior(lines.Text(), connection, lines)
		fmt.Printf("%s\t%s\n", result, base64.StdEncoding.EncodeToString([]byte(text)))
	}
}
