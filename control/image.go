package control

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"time"

	"golang.org/x/image/draw"
	"golang.org/x/image/webp"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// The limits of a picture: as an uploaded file, as it is decoded, and as it is kept. The
// sides are checked before any pixel is decoded, because a file of a few KiB can claim to
// have billions.
const (
	MaxImageLen  = 1 << 20 // bytes
	maxImageSide = 3000    // pixels
	imageSide    = 256     // pixels
	// A JPEG of this size can hold tens of thousands of passes over its pixels. Real ones have ten or so.
	maxJPEGScans = 64
)

// SetAppImage sets the picture of an app: a PNG, JPEG, GIF or WebP. Keyporter keeps and
// shows a PNG that it makes from the pixels; nothing else of the file survives. If anyone
// but an operator changes it, the app is no longer Verified.
func (c *Control) SetAppImage(ctx context.Context, actor keyporter.Actor, id keyporter.ID, file []byte) error {
	// Checked before the work, and again once nobody can change the answer anymore.
	if p, err := c.App(ctx, actor, id); err != nil {
		return err
	} else if !p.CanManage {
		return keyporter.Refuse(keyporter.Forbidden, "Only those responsible for this app may change it.")
	}
	small, err := c.shrink(ctx, file)
	if err != nil {
		return err
	}
	return c.setImage(ctx, actor, id, small, "set")
}

// RemoveAppImage removes the image of an app.
func (c *Control) RemoveAppImage(ctx context.Context, actor keyporter.Actor, id keyporter.ID) error {
	return c.setImage(ctx, actor, id, nil, "removed")
}

func (c *Control) setImage(ctx context.Context, actor keyporter.Actor, id keyporter.ID, small []byte, what string) error {
	return c.changeApp(ctx, actor, id, func(tx *store.Tx, a keyporter.App, over appAuthority) (keyporter.Event, error) {
		if small == nil && a.ImageAt.IsZero() {
			return keyporter.Event{}, nil
		}
		e := c.appEvent(keyporter.EventAppUpdate, actor, a)
		e.Detail["image"] = what
		if a.Verified && !over.operates {
			e.Detail["verified"] = "false"
			if err := tx.SetAppVerified(ctx, id, false); err != nil {
				return e, err
			}
		}
		return e, tx.SetAppImage(ctx, id, small, c.now())
	})
}

// AppImage returns the image of an app, a PNG, and when it was set. Everyone who can come
// across the app may see it: in the whole instance, or in its organization.
func (c *Control) AppImage(ctx context.Context, actor keyporter.Actor, id keyporter.ID) ([]byte, time.Time, error) {
	a, err := c.db.AppByID(ctx, id)
	if err != nil {
		return nil, time.Time{}, missing(err, "image")
	}
	over, err := authorityOver(ctx, c.db, actor, a)
	if err == nil && !over.canFind {
		err = notFound("image")
	}
	if err != nil {
		return nil, time.Time{}, err
	}
	picture, err := c.db.AppImage(ctx, id)
	return picture, a.ImageAt, missing(err, "image")
}

// shrink makes a PNG of up to 256 by 256 pixels from an uploaded file. It processes one at a
// time: each takes up to 36 MB and some time.
func (c *Control) shrink(ctx context.Context, file []byte) ([]byte, error) {
	select {
	case c.images <- struct{}{}:
		defer func() { <-c.images }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a picture: %w", ctx.Err())
	}
	picture, err := decodeImage(file)
	if err != nil {
		return nil, err
	}
	size := picture.Bounds().Size()
	scale := min(1, float64(imageSide)/float64(max(size.X, size.Y)))
	small := image.NewNRGBA(image.Rect(0, 0, max(1, int(float64(size.X)*scale+.5)), max(1, int(float64(size.Y)*scale+.5))))
	draw.CatmullRom.Scale(small, small.Bounds(), picture, picture.Bounds(), draw.Src, nil)
	var out bytes.Buffer
	if err := png.Encode(&out, small); err != nil {
		return nil, fmt.Errorf("write a picture: %w", err)
	}
	return out.Bytes(), nil
}

// format is an accepted picture format.
type format struct {
	begins string // the file; a ? matches any byte
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

func formats() []format {
	return []format{
		{"\x89PNG\r\n\x1a\n", png.DecodeConfig, png.Decode},
		{"\xff\xd8\xff", jpeg.DecodeConfig, jpeg.Decode},
		{"GIF8?a", gif.DecodeConfig, gif.Decode}, // the first picture of an animated one
		{"RIFF????WEBP", webp.DecodeConfig, webp.Decode},
	}
}

func (f format) matches(file []byte) bool {
	if len(file) < len(f.begins) {
		return false
	}
	for i, b := range []byte(f.begins) {
		if b != '?' && file[i] != b {
			return false
		}
	}
	return true
}

const unreadable = "This picture can’t be read and may be damaged. Open it in an image editor and save it again as PNG."

func badImage(message string) error { return keyporter.InvalidField("image", message) }

// decodeImage reads the pixels of a picture. The first bytes tell the format, not the file's
// name or what the browser claims.
func decodeImage(file []byte) (picture image.Image, err error) {
	defer func() {
		if recover() != nil { // a decoder that panics on a malicious file
			picture, err = nil, badImage(unreadable)
		}
	}()
	switch {
	case len(file) == 0:
		return nil, badImage("Choose a picture.")
	case len(file) > MaxImageLen:
		return nil, badImage("This file is too large. The limit is 1 MiB.")
	}
	for _, f := range formats() {
		if !f.matches(file) {
			continue
		}
		config, err := f.config(bytes.NewReader(file))
		if err != nil || config.Width < 1 || config.Height < 1 {
			return nil, badImage(unreadable)
		}
		if config.Width > maxImageSide || config.Height > maxImageSide {
			return nil, badImage(fmt.Sprintf("This picture has %d × %d pixels. The limit is %d × %d.", config.Width, config.Height, maxImageSide, maxImageSide))
		}
		if bytes.Count(file, []byte("\xff\xda")) > maxJPEGScans && f.begins[0] == '\xff' {
			return nil, badImage(unreadable)
		}
		picture, err := f.decode(bytes.NewReader(file))
		if err != nil {
			return nil, badImage(unreadable)
		}
		return picture, nil
	}
	if t := bytes.TrimLeft(file, "\xef\xbb\xbf \t\r\n"); len(t) > 0 && t[0] == '<' {
		return nil, badImage("Files that can contain scripts (SVG, HTML) aren’t allowed. Save it as PNG.")
	}
	return nil, badImage("This isn’t a PNG, JPEG, GIF, or WebP picture.")
}
