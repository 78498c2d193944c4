package examples_test

import (
	"context"
	"slices"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

func (w *world) dialEnvoy(t *testing.T) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(w.EnvoyAddress(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// TestEnvoyMaySendRawHeaders expects forged headers to be found even if Envoy sends headers
// unchanged (encode_raw_headers), which puts them into a different field.
func TestEnvoyMaySendRawHeaders(t *testing.T) {
	w := newWorld(t)
	envoy := authv3.NewAuthorizationClient(w.dialEnvoy(t))
	ask := func(path string, headers ...string) *authv3.CheckResponse {
		raw := &corev3.HeaderMap{}
		for i := 0; i < len(headers); i += 2 {
			raw.Headers = append(raw.Headers, &corev3.HeaderValue{Key: headers[i], RawValue: []byte(headers[i+1])})
		}
		out, err := envoy.Check(t.Context(), &authv3.CheckRequest{Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{
			Http: &authv3.AttributeContext_HttpRequest{Method: "GET", Host: "api.example", Path: path, Scheme: "https", HeaderMap: raw},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if remove := ask("/shop/public", "x.keyporter.user", "evil", "x_original_uri", "\xff").GetOkResponse().GetHeadersToRemove(); !slices.Contains(remove, "x.keyporter.user") || !slices.Contains(remove, "x_original_uri") {
		t.Errorf("of the forged headers, only %v are removed", remove)
	}
	if ok := ask("/shop/1", "apitoken", w.secret).GetOkResponse(); header(ok.GetHeaders(), "x-keyporter-user") != string(w.ada.ID) {
		t.Errorf("a good token: %v", ok)
	}
	for _, headers := range [][]string{{"apitoken", "kpu_x"}, {"apitoken", w.secret, "apitoken", w.company}, {"apitoken", w.secret + "\xff"}} {
		if out := ask("/shop/1", headers...); out.GetDeniedResponse().GetStatus().GetCode() < 400 {
			t.Errorf("%q: %v", headers, out)
		}
	}
}

// TestAnUnfinishedQuestionIsEnded has an attacker who can reach the listener begin questions and
// never finish them.
func TestAnUnfinishedQuestionIsEnded(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	stream, err := w.dialEnvoy(t).NewStream(ctx, &grpc.StreamDesc{ClientStreams: true}, authv3.Authorization_Check_FullMethodName)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.RecvMsg(&authv3.CheckResponse{}); err == nil || ctx.Err() != nil {
		t.Errorf("the question is still open: %v", err)
	}
}
