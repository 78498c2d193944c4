// Package web is what the doors share: the id of a request, the address of a client
// behind proxies, the session cookie, security headers, problem documents, and what a
// call and its answer look like on the way to an API and back.
//
// It decides nothing about users or tokens.
package web
