package checks

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// What we write and read is what gRPC's own code reads and writes.
func TestHealthMessages(t *testing.T) {
	for _, service := range []string{"", "x", "hdfs.NameNode/ä"} {
		want, err := proto.Marshal(&grpc_health_v1.HealthCheckRequest{Service: service})
		if got := healthRequest(service); err != nil || string(got[grpcPrefix:]) != string(want) || int(got[4]) != len(want) {
			t.Errorf("%q: got %x, want %x after its length; %v", service, got, want, err)
		}
	}
	for n, want := range grpc_health_v1.HealthCheckResponse_ServingStatus_name {
		if name(grpcHealths, uint64(n)) != want {
			t.Errorf("status %d: got %s, want %s", n, name(grpcHealths, uint64(n)), want)
		}
		b, err := proto.Marshal(&grpc_health_v1.HealthCheckResponse{Status: grpc_health_v1.HealthCheckResponse_ServingStatus(n)})
		if got, bad := healthAnswer(message(b)); err != nil || bad != nil || got != uint64(n) {
			t.Errorf("status %d: got %d, %v", n, got, bad)
		}
	}
	for n := range codes.Unauthenticated + 1 {
		if got := name(grpcCodes, uint64(n)); got != n.String() {
			t.Errorf("code %d: got %s, want %s", n, got, n)
		}
	}
	later := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), grpcServing)
	later = protowire.AppendString(protowire.AppendTag(later, 9, protowire.BytesType), "of a later version")
	if got, err := healthAnswer(message(later)); err != nil || got != grpcServing {
		t.Errorf("with a field of a later version: got %d, %v", got, err)
	}
}

// message puts the prefix before a message.
func message(b []byte) []byte { return append([]byte{0, 0, 0, 0, byte(len(b))}, b...) }

// Servers that are none, or answer strangely.
func TestGRPCStrangeServers(t *testing.T) {
	t.Parallel()
	serving := string(message([]byte{1 << 3, grpcServing}))
	for want, answer := range map[string]http.HandlerFunc{
		"no gRPC answer, but HTTP 404": http.NotFound,
		"no gRPC answer: its status is \"\"": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/grpc")
		},
		"code = Internal desc = 100% ä": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/grpc+proto")
			w.Header().Set("Grpc-Status", "13")
			w.Header().Set("Grpc-Message", "100%25 %C3%A4")
		},
		"code = 99 desc = ":     ended("99", ""),
		"is not one plain":      ended("0", serving[:3]),
		"plain message":         ended("0", "\x01"+serving[1:]),
		"is not one":            ended("0", serving+serving),
		"unexpected EOF":        ended("0", "\x00\x00\x00\x00\x01\x08"),
		"its status is \"\"":    ended("0", string(make([]byte, 2*grpcAnswerMax))),
		"serving status: 77":    ended("0", string(message([]byte{1 << 3, 77}))),
		"status: UNKNOWN":       ended("0", string(message(nil))),
		"gRPC check 127.0.0.1:": ended("0", serving),
	} {
		s := httptest.NewUnstartedServer(answer)
		s.Config.Protocols = new(http.Protocols)
		s.Config.Protocols.SetUnencryptedHTTP2(true)
		s.Start()
		status := Critical
		if want == "gRPC check 127.0.0.1:" {
			status = Passing
		}
		testLooks(t, grpcProbe, []lookCase{{want, Definition{GRPC: s.Listener.Addr().String()}, status, want}})
		s.Close()
	}
	old, oldTLS := httptest.NewServer(http.HandlerFunc(http.NotFound)), httptest.NewUnstartedServer(http.HandlerFunc(http.NotFound))
	defer old.Close()
	oldTLS.Config.ErrorLog = quiet
	oldTLS.StartTLS()
	defer oldTLS.Close()
	testLooks(t, grpcProbe, []lookCase{
		{"HTTP/1.1", Definition{GRPC: old.Listener.Addr().String()}, Critical, "code = Unavailable"},
		{"TLS with HTTP/1.1", Definition{GRPC: oldTLS.Listener.Addr().String(), GRPCUseTLS: true, TLSSkipVerify: true}, Critical, "code = Unavailable"},
	})
}

// ended answers with a body and how the call ended.
func ended(status, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		fmt.Fprint(w, body)
		w.Header().Set("Grpc-Status", status)
	}
}

func FuzzHealthAnswer(f *testing.F) {
	f.Add(message([]byte{1 << 3, grpcServing}))
	f.Add(message([]byte{1 << 3, 0xff, 0xff, 1, 9<<3 | 2, 1, 0}))
	f.Fuzz(func(t *testing.T, b []byte) {
		whole := slices.Clone(b)
		got, err := healthAnswer(b)
		var want grpc_health_v1.HealthCheckResponse
		if err == nil && proto.Unmarshal(whole[grpcPrefix:], &want) == nil && uint64(int64(want.Status)) != uint64(int64(int32(got))) {
			t.Errorf("got %d, want %d", got, want.Status)
		}
	})
}
