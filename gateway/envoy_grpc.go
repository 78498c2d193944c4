//go:build !nogrpc

package gateway

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/tap"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/verify"
)

const (
	maxQuestion     = 128 << 10 // bytes of one of Envoy's questions, which has headers but no body
	maxQuestions    = 1000      // at a time on one connection
	questionTimeout = 10 * time.Second
	idleTimeout     = 2 * time.Minute // of a connection
)

// EnvoyServer returns a gRPC server for Envoy's external authorization
// (envoy.service.auth.v3.Authorization). Like Verify, it only answers trusted proxies.
func (g *Gateway) EnvoyServer(options ...grpc.ServerOption) *grpc.Server {
	s := grpc.NewServer(append(options, grpc.MaxRecvMsgSize(maxQuestion), grpc.MaxConcurrentStreams(maxQuestions), grpc.ConnectionTimeout(questionTimeout),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: idleTimeout}), grpc.InTapHandle(withTimeout))...)
	authv3.RegisterAuthorizationServer(s, authorization{gateway: g})
	return s
}

// withTimeout ends a question that was started but never completed. Anyone who can reach the
// listener can start one.
func withTimeout(ctx context.Context, _ *tap.Info) (context.Context, error) {
	ctx, cancel := context.WithTimeout(ctx, questionTimeout)
	context.AfterFunc(ctx, cancel)
	return ctx, nil
}

// authorization translates questions from protobuf to HTTP, and answers from HTTP to protobuf. It
// decides nothing.
type authorization struct {
	authv3.UnimplementedAuthorizationServer

	gateway *Gateway
}

// Check answers for one call. It never returns an error, because Envoy can be configured to let
// calls through on errors. It recovers from panics, because a panic would end the program.
func (s authorization) Check(ctx context.Context, in *authv3.CheckRequest) (out *authv3.CheckResponse, _ error) {
	defer func() {
		if fault := recover(); fault != nil {
			s.gateway.log.Error("panic", "error", fmt.Sprint(fault), "stack", string(debug.Stack()))
			out = denied(&answer{status: http.StatusInternalServerError})
		}
	}()
	r := requestOf(ctx, in.GetAttributes().GetRequest().GetHttp())
	var a answer
	if d := s.gateway.askEnvoy(&a, r); d != nil && d.Allowed {
		return allowed(r, &a, d), nil
	}
	return denied(&a), nil
}

func denied(a *answer) *authv3.CheckResponse {
	return &authv3.CheckResponse{
		Status: &status.Status{Code: int32(codes.PermissionDenied)},
		HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: &authv3.DeniedHttpResponse{
			Status: &typev3.HttpStatus{Code: typev3.StatusCode(a.status)},
			Body:   a.body.String(), Headers: overwriting(a.Header()),
		}},
	}
}

// allowed adds the identity headers, and removes the headers the API must not get.
func allowed(r *http.Request, a *answer, d *verify.Decision) *authv3.CheckResponse {
	toAPI, toClient := http.Header{}, http.Header{}
	for name, values := range a.Header() {
		if strings.HasPrefix(name, keyporter.OwnHeaderPrefix) {
			toAPI[name] = values
		}
		if name == keyporter.HeaderRequestID || name == "Deprecation" || name == "Sunset" {
			toClient[name] = values
		}
	}
	return &authv3.CheckResponse{
		Status: &status.Status{Code: int32(codes.OK)},
		HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{
			Headers: overwriting(toAPI), HeadersToRemove: toRemove(r.Header, d), ResponseHeadersToAdd: overwriting(toClient),
		}},
	}
}

// overwriting returns headers that replace existing ones with the same names.
func overwriting(h http.Header) (all []*corev3.HeaderValueOption) {
	for name, values := range h {
		for _, value := range values {
			all = append(all, &corev3.HeaderValueOption{
				Header:       &corev3.HeaderValue{Key: strings.ToLower(name), Value: value},
				AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
			})
		}
	}
	return all
}

// requestOf returns a question the way it would come over HTTP. Envoy joins repeated headers with
// a comma, so two secrets become one that was never issued. With encode_raw_headers, Envoy sends
// headers unchanged, in their own field.
func requestOf(ctx context.Context, h *authv3.AttributeContext_HttpRequest) *http.Request {
	r := &http.Request{
		Method: h.GetMethod(), Host: h.GetHost(), URL: &url.URL{Path: envoyPath + "/"}, RequestURI: envoyPath + h.GetPath(),
		Header: make(http.Header, len(h.GetHeaders())+1),
	}
	if p, ok := peer.FromContext(ctx); ok {
		r.RemoteAddr = p.Addr.String()
	}
	for name, value := range h.GetHeaders() {
		r.Header.Add(name, value)
	}
	for _, raw := range h.GetHeaderMap().GetHeaders() {
		r.Header.Add(raw.GetKey(), string(raw.GetRawValue()))
	}
	maps.DeleteFunc(r.Header, func(name string, _ []string) bool { return strings.HasPrefix(name, ":") }) // HTTP/2's pseudo-headers
	return r.WithContext(ctx)
}
