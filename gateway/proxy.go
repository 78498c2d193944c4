package gateway

import (
	"errors"
	"net/http"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/verify"
	"github.com/keyporter/keyporter/web"
)

// Claims reports whether a call is for one of the APIs and not for the pages on the same listener:
// its host belongs to an API, or its path starts like a route.
func (g *Gateway) Claims(r *http.Request) bool { return g.checker.Claims(r.Host, r.URL.Path) }

// RefuseUnclaimed refuses a call that nobody claims, or that is made by a method that every door refuses, as ServeHTTP
// refuses one without a route.
func (g *Gateway) RefuseUnclaimed(w http.ResponseWriter, r *http.Request) {
	d := verify.Decision{Decision: keyporter.Decision{Reason: keyporter.ReasonNoRoute}}
	if keyporter.IsRefusedMethod(r.Method) {
		d.Reason = keyporter.ReasonMethod
	}
	id := web.NewRequestID()
	w.Header()[keyporter.HeaderRequestID] = []string{id}
	web.LimitBodyTime(w, r)
	g.refuse(w, &d, id)
}

// ServeHTTP checks a call and, if it is allowed, forwards it to the API with the identity headers.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := web.NewRequestID()
	w.Header()[keyporter.HeaderRequestID] = []string{id}
	req, _ := g.request(r, id)
	// Check the path exactly as it will be sent to the API.
	req.Method, req.Host, req.Path, req.PassedOn = r.Method, r.Host, web.SentPath(r), true
	d := g.checker.Check(r.Context(), &req)
	if !d.Allowed {
		web.LimitBodyTime(w, r)
		g.refuse(w, &d, id)
		return
	}
	if d.Route.API().Target() == nil {
		web.LimitBodyTime(w, r)
		d.Answered(http.StatusNotFound)
		web.WriteProblem(w, web.Problem{Status: http.StatusNotFound, RequestID: id, Detail: "This API isn't available through Keyporter."})
		return
	}
	g.forwarder.Forward(w, r, &web.Call{
		API: d.Route.API().Name, Target: d.Route.API().Target(), Path: req.Path, RequestID: id, SharesOrigin: len(d.Route.API().Hosts) == 0,
		Request: func(h http.Header) {
			for _, header := range d.Identity() {
				h[header.Name] = header.Values
			}
		},
		Response: func(status int, h http.Header) {
			d.Answered(status)
			g.notices.AddTo(h, &d)
		},
		Refuse: func(w http.ResponseWriter, status int, err error) {
			d.Answered(status)
			detail := "The API can't be reached right now."
			if why, ok := errors.AsType[web.Unsendable](err); ok {
				detail = why.Error()
			} else if status == http.StatusBadRequest {
				detail = "The body of the request ended early or can't be read."
			}
			write(w, d.Route.Refusals, web.Problem{Status: status, Detail: detail, RequestID: id})
		},
	})
}
