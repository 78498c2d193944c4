// Package web is what the doors share: the id of a request, the address of a client
// behind proxies, the session cookie, security headers, and problem documents.
//
// It decides nothing about users or tokens.
package web
