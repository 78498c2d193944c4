// Go is an API with Keyporter's check in its own process. It answers who is calling, on three paths
// with their own rules.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/keyporter/keyporter/client"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:9000", "`address` and port to listen on")
	cfg := client.Config{Mode: client.Decide, Log: slog.Default()}
	flag.StringVar(&cfg.Address, "keyporter", "http://127.0.0.1:8080", "`address` of Keyporter")
	flag.StringVar(&cfg.API, "api", "shop", "what Keyporter's configuration calls this API")
	flag.DurationVar(&cfg.Grace, "grace", 0, "how long known callers keep working when Keyporter is gone")
	flag.Parse()
	cfg.Secret = os.Getenv("KEYPORTER_GATEWAY_SECRET") // everyone on a machine can see command lines
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, *listen, cfg); err != nil {
		slog.Error("the API stopped", "error", err)
		os.Exit(1)
	}
}

// api returns the paths of the API, each with who may call it.
func api(keys *client.Client) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /orders", keys.Handler(client.Rules{Scope: "orders.read"}, http.HandlerFunc(orders)))
	mux.Handle("POST /orders", keys.Handler(client.Rules{Scope: "orders.write"}, http.HandlerFunc(orders)))
	mux.Handle("GET /reports", keys.Handler(client.Rules{Credentials: []string{"user_token"}}, http.HandlerFunc(orders)))
	return mux
}

// orders always has a caller: nobody else gets here.
func orders(w http.ResponseWriter, r *http.Request) {
	caller, _ := client.CallerOf(r.Context())
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(w, "%s for %s\n", r.Pattern, caller.Login) //nolint:gosec // as text, it runs nowhere
}

func serve(ctx context.Context, address string, cfg client.Config) error {
	keys, err := client.New(cfg)
	if err != nil {
		return err
	}
	defer keys.Close()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: api(keys), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = server.Shutdown(last)
	}()
	slog.Info("the API is listening", "address", "http://"+listener.Addr().String())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
