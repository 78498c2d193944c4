// Package web is what the doors share: request IDs, the address of a client behind proxies,
// cookies, security headers, problem documents, and the rewriting of calls on their way to an
// API and of its responses.
//
// It decides nothing about users or tokens.
package web
