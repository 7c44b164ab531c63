package checks

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

const (
	grpcHealth = "/grpc.health.v1.Health/Check"

	// grpcAnswerMax bounds an answer: it holds one number.
	grpcAnswerMax = 4 << 10

	// grpcServing is the only status that passes.
	grpcServing = 1
)

// The names of health statuses (grpc.health.v1.HealthCheckResponse) and of
// gRPC's codes (github.com/grpc/grpc/blob/master/doc/statuscodes.md), by number.
var (
	grpcHealths = []string{"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"}
	grpcCodes   = []string{"OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists",
		"PermissionDenied", "ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented", "Internal",
		"Unavailable", "DataLoss", "Unauthenticated"}
)

// grpcProbe asks by the standard health protocol
// (github.com/grpc/grpc/blob/master/doc/health-checking.md): host:port for the
// whole server, host:port/service for one service. Only SERVING passes.
//
// It is one request without a stream, which net/http can make: see
// github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md.
func grpcProbe(d Definition) Probe {
	address, service, _ := strings.Cut(d.GRPC, "/")
	u := url.URL{Scheme: "http", Host: address, Path: grpcHealth}
	if d.GRPCUseTLS {
		u.Scheme = "https"
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{
		DialContext:            (&net.Dialer{}).DialContext,
		TLSClientConfig:        tlsConfig(d, address),
		Protocols:              protocols,
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: 64 << 10,
	}
	return func(ctx context.Context) (Status, string) {
		status, err := askHealth(ctx, transport, u.String(), service)
		if err != nil {
			return Critical, head(err.Error(), d.OutputMaxSize)
		}
		if status != grpcServing {
			return Critical, fmt.Sprintf("gRPC %s serving status: %s", d.GRPC, name(grpcHealths, status))
		}
		return Passing, fmt.Sprintf("gRPC check %s: success", d.GRPC)
	}
}

// askHealth is the health status that a server gives a service. Errors have
// the form in which gRPC prints them.
func askHealth(ctx context.Context, transport http.RoundTripper, url, service string) (uint64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(healthRequest(service)))
	if err != nil {
		return 0, err
	}
	req.Header = http.Header{"Content-Type": {"application/grpc"}, "Te": {"trailers"}, "User-Agent": {userAgent}}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return 0, fmt.Errorf("rpc error: code = %s desc = %w", broken(ctx), err)
	}
	defer resp.Body.Close()
	if kind := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || !strings.HasPrefix(kind, "application/grpc") {
		return 0, fmt.Errorf("no gRPC answer, but HTTP %s of type %q", resp.Status, kind)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, grpcAnswerMax))
	if err != nil {
		return 0, fmt.Errorf("rpc error: code = %s desc = %w", broken(ctx), err)
	}
	if err := grpcStatus(resp); err != nil {
		return 0, err
	}
	return healthAnswer(body)
}

// broken is the code of a call without an answer.
func broken(ctx context.Context) string {
	if ctx.Err() != nil {
		return "DeadlineExceeded"
	}
	return "Unavailable"
}

// grpcStatus is how the call ended: it stands in the trailer, or in the header
// if there is nothing between the two.
func grpcStatus(resp *http.Response) error {
	code := cmp.Or(resp.Trailer.Get("Grpc-Status"), resp.Header.Get("Grpc-Status"))
	if code == "0" {
		return nil
	}
	n, err := strconv.ParseUint(code, 10, 32)
	if err != nil {
		return fmt.Errorf("no gRPC answer: its status is %.20q", code)
	}
	message := cmp.Or(resp.Trailer.Get("Grpc-Message"), resp.Header.Get("Grpc-Message"))
	if plain, err := url.PathUnescape(message); err == nil {
		message = plain
	}
	return fmt.Errorf("rpc error: code = %s desc = %s", name(grpcCodes, n), message)
}

// A message goes after a byte that says whether it is compressed and four with
// its length.
const grpcPrefix = 5

// healthRequest is grpc.health.v1.HealthCheckRequest { string service = 1; }.
func healthRequest(service string) []byte {
	b := make([]byte, grpcPrefix)
	if service != "" {
		b = protowire.AppendTag(b, 1, protowire.BytesType)
		b = protowire.AppendString(b, service)
	}
	binary.BigEndian.PutUint32(b[1:], uint32(len(b)-grpcPrefix))
	return b
}

// healthAnswer reads grpc.health.v1.HealthCheckResponse { ServingStatus status = 1; }.
func healthAnswer(b []byte) (status uint64, err error) {
	if len(b) < grpcPrefix || b[0] != 0 || uint64(binary.BigEndian.Uint32(b[1:])) != uint64(len(b)-grpcPrefix) {
		return 0, errors.New("the gRPC answer is not one plain message")
	}
	for b = b[grpcPrefix:]; len(b) > 0; {
		number, kind, size := protowire.ConsumeField(b)
		if size < 0 {
			return 0, fmt.Errorf("read the gRPC answer: %w", protowire.ParseError(size))
		}
		if number == 1 && kind == protowire.VarintType {
			_, _, tag := protowire.ConsumeTag(b)
			status, _ = protowire.ConsumeVarint(b[tag:])
		}
		b = b[size:]
	}
	return status, nil
}

// name is the name of a number, or the number.
func name(names []string, n uint64) string {
	if n < uint64(len(names)) {
		return names[n]
	}
	return strconv.FormatUint(n, 10)
}
