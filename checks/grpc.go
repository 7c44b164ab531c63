package checks

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	health "google.golang.org/grpc/health/grpc_health_v1"
)

// grpcProbe asks by the standard health protocol
// (github.com/grpc/grpc/blob/master/doc/health-checking.md): host:port for the
// whole server, host:port/service for one service. Only SERVING passes.
func grpcProbe(d Definition) Probe {
	address, service, _ := strings.Cut(d.GRPC, "/")
	creds := insecure.NewCredentials()
	if d.GRPCUseTLS {
		creds = credentials.NewTLS(tlsConfig(d, address))
	}
	return func(ctx context.Context) (Status, string) {
		conn, err := grpc.NewClient("passthrough:///"+address,
			grpc.WithTransportCredentials(creds), grpc.WithNoProxy(), grpc.WithDisableServiceConfig(), grpc.WithUserAgent(userAgent))
		if err != nil {
			return Critical, head(err.Error(), d.OutputMaxSize)
		}
		defer conn.Close()
		answer, err := health.NewHealthClient(conn).Check(ctx, &health.HealthCheckRequest{Service: service})
		if err != nil {
			return Critical, head(err.Error(), d.OutputMaxSize)
		}
		if answer.Status != health.HealthCheckResponse_SERVING {
			return Critical, fmt.Sprintf("gRPC %s serving status: %s", d.GRPC, answer.Status)
		}
		return Passing, fmt.Sprintf("gRPC check %s: success", d.GRPC)
	}
}
