// Esign runs the example API. It trusts the identity headers of Keyporter's gateway, so make it
// listen where only the gateway can reach it.
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

	"github.com/keyporter/keyporter/examples/esign"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:9090", "`address` and port to listen on")
	data := flag.String("data", "esign.db", "`path` of the SQLite file; uploads go into a folder next to it")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", *listen)
	if err == nil {
		err = run(ctx, listener, *data)
	}
	if err != nil {
		slog.Error("esign stopped", "error", err)
		stop()
		os.Exit(1)
	}
}

// run serves until ctx ends, and then lets running calls finish.
func run(ctx context.Context, listener net.Listener, data string) (err error) {
	service, err := esign.Open(ctx, data)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer func() { err = errors.Join(err, service.Close()) }()
	server := &http.Server{
		Handler:           service,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       5 * time.Minute, // an upload may take long
		IdleTimeout:       2 * time.Minute,
	}
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(listener) }()
	slog.Info("esign listens", "address", listener.Addr().String(), "data", data)
	select {
	case err := <-stopped:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	slog.Info("esign stops")
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return server.Shutdown(ending)
}
