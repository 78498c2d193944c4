// App runs the example app. It takes the client secret from the variable CLIENT_SECRET, because
// everyone on a machine can see command lines.
package main

import (
	"context"
	"flag"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/keyporter/keyporter/examples/app"
)

func main() {
	var cfg app.Config
	listen := flag.String("listen", "127.0.0.1:8082", "`address` and port to listen on")
	flag.StringVar(&cfg.Issuer, "issuer", "http://127.0.0.1:8080", "`address` of Keyporter")
	flag.StringVar(&cfg.API, "api", "http://127.0.0.1:8080", "`address` of the e-signature API behind it")
	flag.StringVar(&cfg.ClientID, "client-id", "", "client ID of the app")
	flag.Parse()
	cfg.ClientSecret = os.Getenv("CLIENT_SECRET")
	cfg.Address = "http://" + *listen
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", *listen)
	if err == nil {
		slog.Info("the app is listening", "address", cfg.Address, "redirect_uri", cfg.Address+"/callback")
		err = (&http.Server{Handler: app.New(cfg), ReadHeaderTimeout: 10 * time.Second}).Serve(listener)
	}
	slog.Error("the app stopped", "error", err)
	os.Exit(1)
}
