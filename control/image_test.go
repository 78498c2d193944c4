package control_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
)

// picture returns a w by h image as a png, jpeg, or gif file.
func picture(t testing.TB, kind string, w, h int) []byte {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.Set(x, y, color.NRGBA{uint8(x), uint8(y), 90, 255})
		}
	}
	var b bytes.Buffer
	var err error
	switch kind {
	case "png":
		err = png.Encode(&b, img)
	case "jpeg":
		err = jpeg.Encode(&b, img, nil)
	case "gif":
		err = gif.Encode(&b, img, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// webp returns a lossless WebP image of 1 by 1 pixels.
func webp(t testing.TB) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// pngHeader returns a PNG that claims to have w by h pixels, but has none.
func pngHeader(w, h uint32) []byte {
	head := append([]byte("IHDR"), binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)...)
	head = append(head, 8, 6, 0, 0, 0)
	b := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), head...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(head))
}

func TestImagesAreReencoded(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		d := newDevelopers(t, url)
		app, me := d.app(t), keyportertest.Session(d.dev)
		for what, c := range map[string]struct {
			file []byte
			w, h int // of the image that is kept
		}{
			"png":           {append(picture(t, "png", 64, 64), "<script>alert(1)</script>"...), 64, 64},
			"wide":          {picture(t, "png", 1024, 256), 256, 64},
			"tall":          {picture(t, "jpeg", 100, 1000), 26, 256},
			"jpeg":          {picture(t, "jpeg", 300, 300), 256, 256},
			"gif":           {picture(t, "gif", 10, 20), 10, 20},
			"webp":          {webp(t), 1, 1},
			"a line":        {picture(t, "png", 3000, 1), 256, 1},
			"maximum width": {picture(t, "png", 3000, 300), 256, 26},
		} {
			if err := d.Control.SetAppImage(t.Context(), me, app.ID, c.file); err != nil {
				t.Errorf("%s: %v", what, err)
				continue
			}
			kept, at, err := d.Control.AppImage(t.Context(), keyportertest.Session(d.ada), app.ID)
			if err != nil || at.IsZero() || bytes.Contains(kept, []byte("<script>")) {
				t.Errorf("%s: %d bytes, %v, %v", what, len(kept), at, err)
			}
			config, err := png.DecodeConfig(bytes.NewReader(kept))
			if err != nil || config.Width != c.w || config.Height != c.h {
				t.Errorf("%s: kept as %d × %d, %v", what, config.Width, config.Height, err)
			}
		}
		_, _, err := d.Control.AppImage(t.Context(), keyportertest.Session(d.eve), app.ID)
		wantKind(t, err, keyporter.NotFound) // of another organization
		wantKind(t, d.Control.RemoveAppImage(t.Context(), me, app.ID), noError)
		wantKind(t, d.Control.RemoveAppImage(t.Context(), me, app.ID), noError)
		_, _, err = d.Control.AppImage(t.Context(), me, app.ID)
		wantKind(t, err, keyporter.NotFound)
	})
}

func TestInvalidImagesAreRefusedInPlainWords(t *testing.T) {
	t.Parallel()
	d := newDevelopers(t, keyportertest.Database(t))
	app, me := d.app(t), keyportertest.Session(d.dev)
	progressive := picture(t, "jpeg", 64, 64)
	for what, c := range map[string]struct {
		file []byte
		says string
	}{
		"no file":             {nil, "Choose a picture"},
		"a script":            {[]byte("#!/bin/sh\nrm -rf /"), "PNG, JPEG, GIF, or WebP"},
		"an SVG":              {[]byte("\ufeff \n<?xml version='1.0'?><svg onload='alert(1)'/>"), "scripts"},
		"an HTML page":        {[]byte("<html><script>alert(1)</script>"), "scripts"},
		"HTML posing as GIF":  {[]byte("GIF89a<script>alert(1)</script>"), "29500 × 29283"},
		"too large a file":    {append(picture(t, "png", 8, 8), make([]byte, control.MaxImageLen)...), "1 MiB"},
		"a bomb":              {pngHeader(60_000, 60_000), "60000 × 60000"},
		"a bigger bomb":       {pngHeader(1<<31-1, 1<<31-1), "can’t be read"},
		"a long bomb":         {pngHeader(3001, 1), "3001 × 1"},
		"no pixels":           {pngHeader(0, 0), "can’t be read"},
		"half a picture":      {picture(t, "png", 64, 64)[:90], "can’t be read"},
		"a JPEG's header":     {[]byte("\xff\xd8\xff\xe0"), "can’t be read"},
		"an empty WebP":       {[]byte("RIFF\x10\x00\x00\x00WEBPVP8 \x00\x00\x00\x00"), "can’t be read"},
		"a WebP bomb":         {webpBomb(), "can’t be read"},
		"endless JPEG passes": {append(progressive[:len(progressive)-2], bytes.Repeat([]byte("\xff\xda"), 100)...), "can’t be read"},
		"a BMP":               {[]byte("BM\x00\x00"), "PNG, JPEG, GIF, or WebP"},
	} {
		err := d.Control.SetAppImage(t.Context(), me, app.ID, c.file)
		wantKind(t, err, keyporter.Invalid)
		if !strings.Contains(keyporter.MessageOf(err), c.says) {
			t.Errorf("%s: %v, want it to say %q", what, err, c.says)
		}
	}
	if a, err := d.DB.AppByID(t.Context(), app.ID); err != nil || !a.ImageAt.IsZero() {
		t.Errorf("the app has an image: %+v, %v", a, err)
	}
}

// webpBomb returns a WebP whose first header claims 1 by 1 pixels, and whose second claims 16383 by 16383.
func webpBomb() []byte {
	b := []byte("WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	b = append(b, "VP8L\x06\x00\x00\x00\x2f\xfe\xff\xff\x0f\x00"...)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(b))), b...)
}

// FuzzImages feeds the decoders files that aren't images, or almost are.
func FuzzImages(f *testing.F) {
	for _, kind := range []string{"png", "jpeg", "gif"} {
		f.Add(picture(f, kind, 16, 16))
	}
	f.Add(webp(f))
	f.Add(webpBomb())
	f.Add(pngHeader(3000, 3000))
	f.Fuzz(func(t *testing.T, file []byte) {
		small, err := control.Shrink(t.Context(), file)
		if err != nil {
			if keyporter.KindOf(err) != keyporter.Invalid {
				t.Fatal(err)
			}
			return
		}
		config, err := png.DecodeConfig(bytes.NewReader(small))
		if err != nil || config.Width > 256 || config.Height > 256 || config.Width < 1 || config.Height < 1 {
			t.Fatalf("%+v, %v", config, err)
		}
	})
}
