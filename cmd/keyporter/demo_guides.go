package main

import (
	"net/http"

	"github.com/keyporter/keyporter/console"
	"github.com/keyporter/keyporter/docs/tutorials"
)

// demoGuides are the links of the demo's page of tokens. The example API serves what they lead to.
func demoGuides() []console.Guide {
	return []console.Guide{{Name: "REST tutorial", Address: "/Api/guides/rest"}, {Name: "SOAP tutorial", Address: "/Api/guides/soap"}}
}

// withGuides returns the example API with its guides.
func withGuides(api http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", api)
	for _, name := range []string{"rest", "soap"} {
		mux.HandleFunc("GET /Api/guides/"+name, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8") // browsers would save Markdown
			http.ServeFileFS(w, r, tutorials.Files, name+".md")
		})
	}
	return mux
}
