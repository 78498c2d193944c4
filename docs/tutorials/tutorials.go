// Package tutorials has the tutorials as files, for the demo to serve.
package tutorials

import "embed"

// Files are the tutorials, such as rest.md.
//
//go:embed *.md
var Files embed.FS
