// Package docs has the documentation as files, for the console to serve.
package docs

import "embed"

// Files are the documents in Markdown, such as how-to/run.md. Decisions and style are for those who change the code.
//
//go:embed README.md architecture.md operations.md explanation how-to reference tutorials/*.md
var Files embed.FS
