package verify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/keyporter/keyporter"
)

// registeredMethods are the methods of the IANA registry (RFC 9110 §16.1.1), except those that the
// gateway passes to no API: CONNECT, TRACE, and PRI.
func registeredMethods() []string {
	return strings.Fields(`ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT COPY DELETE GET HEAD LABEL LINK LOCK MERGE MKACTIVITY MKCALENDAR
		MKCOL MKREDIRECTREF MKWORKSPACE MOVE OPTIONS ORDERPATCH PATCH POST PROPFIND PROPPATCH PUT QUERY REBIND REPORT SEARCH UNBIND
		UNCHECKOUT UNLINK UNLOCK UPDATE UPDATEREDIRECTREF VERSION-CONTROL`)
}

// parseMethod returns a method of a route in capitals. An API may have methods of its own, such as
// PURGE, but not one that is nearly a registered one: that is a typo, and the route would match nothing.
func parseMethod(name string) (string, error) {
	method, registered := strings.ToUpper(name), registeredMethods()
	switch {
	case method == "" || strings.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "":
		return "", fmt.Errorf("methods: %q isn't a method", name)
	case keyporter.IsRefusedMethod(method) || method == "PRI":
		return "", fmt.Errorf("methods: no API gets calls with %s, so leave it out", method)
	case slices.Contains(registered, method):
		return method, nil
	}
	for _, m := range registered {
		if isTypo(method, m) {
			return "", fmt.Errorf("methods: %s isn't a method; did you mean %s?", method, m)
		}
	}
	return method, nil
}

// otherMethod is what methods that are neither registered nor the route's count as. Otherwise a client could fill the counts.
const otherMethod = "OTHER"

// counted returns the method as which a call is counted. It isn't a part of the request, which would stay in memory.
func (r *Route) counted(method string) string {
	switch method {
	case "GET":
		return "GET"
	case "POST":
		return "POST"
	case "PUT":
		return "PUT"
	case "PATCH":
		return "PATCH"
	case "DELETE":
		return "DELETE"
	}
	for _, all := range [][]string{r.Methods, registeredMethods()} {
		if i := slices.Index(all, method); i >= 0 {
			return all[i]
		}
	}
	return otherMethod
}

// ownMethods returns the methods of the route that aren't registered.
func (r *Route) ownMethods() []string {
	registered := registeredMethods()
	return slices.DeleteFunc(slices.Clone(r.Methods), func(m string) bool { return m == "" || slices.Contains(registered, m) })
}

// isTypo reports whether a and b differ by one character that is missing, wrong, or too many, or by
// two that are swapped.
func isTypo(a, b string) bool {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return len(a) <= 1 && len(b) <= 1 || len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0]
}
