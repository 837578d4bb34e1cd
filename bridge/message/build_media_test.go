package message

import (
	"bytes"
	"encoding/base64"
	"errors"
	"image"
	"image/png"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/conntest"
	"github.com/waystation/waystation/bridge/media"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/kit/guard"
)

// newMediaBuilder returns a builder with a file store and a client without a connection.
func newMediaBuilder(t *testing.T) *Builder {
	t.Helper()
	conn := conntest.NewConn(t)
	outbound, err := guard.New(guard.Config{})
	if err != nil {
		t.Fatal(err)
	}
	library, err := media.New(t.Context(), conn.DB, outbound, media.Config{Dir: t.TempDir(), MaxBytes: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = library.Close(); outbound.Close() })
	return &Builder{Client: whatsmeow.NewClient(conn.Keys, nil), Files: library, Owner: conntest.Owner, To: bob, Log: conntest.NewLog()}
}

func inBase64(data []byte) *MediaSource {
	return &MediaSource{Base64: base64.StdEncoding.EncodeToString(data)}
}

func picture(t *testing.T) *MediaSource {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, image.NewGray(image.Rect(0, 0, 3, 2))); err != nil {
		t.Fatal(err)
	}
	return inBase64(out.Bytes())
}

// TestUploadWithoutConnection checks that a file is prepared before it is uploaded, and that a failed upload names the file and is no send of unknown outcome.
func TestUploadWithoutConnection(t *testing.T) {
	b := newMediaBuilder(t)
	image, plain := picture(t), inBase64([]byte("plain words"))
	for name, c := range map[string]struct {
		field   string
		to      types.JID
		content Content
	}{
		"image":                 {"media", bob, Content{Type: "image", Media: image, Thumbnail: image}},
		"image that opens once": {"media", bob, Content{Type: "image", Media: image, ViewOnce: true}},
		"image to a newsletter": {"media", channel, Content{Type: "image", Media: image}},
		"document":              {"media", bob, Content{Type: "document", Media: plain, Caption: "c"}},
		"picture by its type":   {"media", bob, Content{Type: "file", Media: image}},
		"file by its type":      {"media", bob, Content{Type: "file", Media: plain}},
		"document with a path":  {"media", bob, Content{Type: "document", Verbatim: true, Media: &MediaSource{Base64: plain.Base64, Filename: "a/b.txt"}}},
		"sticker":               {"media", bob, Content{Type: "sticker", Media: image, PackName: "P", PackAuthor: "A"}},
		"buttons":               {"media", bob, Content{Type: "buttons", Media: image, Buttons: []AnyButton{{Type: "reply", ButtonAction: ButtonAction{Label: "A"}}}}},
		"flow":                  {"header/media", bob, Content{Type: "native_flow", Text: "x", Header: &FlowHeader{Media: plain}, Buttons: []AnyButton{{Name: "n"}}}},
		"carousel": {"cards/1/media", bob, Content{Type: "carousel", Text: "x", Cards: []Card{
			{Text: "x", Buttons: []Button{{Type: "reply", ButtonAction: ButtonAction{Label: "A"}}}},
			{Text: "x", Media: image, MediaKind: "image", Buttons: []Button{{Type: "reply", ButtonAction: ButtonAction{Label: "A"}}}},
		}}},
	} {
		b.To, b.Content = c.to, &c.content
		m, err := b.Build(t.Context())
		var e *wa.Error
		if errors.As(err, &e) && e.Reason == wa.ReasonNotSupported && name == "sticker" {
			t.Log("no converter is installed")
			continue
		}
		if !errors.As(err, &e) || e.Reason != wa.ReasonNotConnected || e.Field != c.field || e.OutcomeUnknown || m != nil {
			t.Errorf("%s: %v, %v; want not_connected of %s", name, m, err, c.field)
		}
	}
}

// TestBadFileNamesItsParameter checks that a file that cannot be used is refused below the parameter it came in.
func TestBadFileNamesItsParameter(t *testing.T) {
	b := newMediaBuilder(t)
	image, plain, broken := picture(t), inBase64([]byte("plain words")), &MediaSource{Base64: "%"}
	large, private := inBase64(make([]byte, 10_001)), "http://127.0.0.1/a.png"
	buttons, flow, cardButtons := []AnyButton{{Type: "reply", ButtonAction: ButtonAction{Label: "A"}}}, []AnyButton{{Name: "n"}}, []Button{{Type: "reply", ButtonAction: ButtonAction{Label: "A"}}}
	for name, c := range map[string]struct {
		field   string
		reason  wa.Reason
		content Content
	}{
		"no source":         {"media", wa.ReasonBadParam, Content{Type: "image", Media: &MediaSource{}}},
		"broken image":      {"media/base64", wa.ReasonBadParam, Content{Type: "image", Media: broken}},
		"text as image":     {"media", wa.ReasonBadParam, Content{Type: "image", Media: plain}},
		"text as video":     {"media", wa.ReasonBadParam, Content{Type: "video", Media: plain}},
		"text as sticker":   {"media", wa.ReasonBadParam, Content{Type: "sticker", Media: plain}},
		"broken file":       {"media/base64", wa.ReasonBadParam, Content{Type: "file", Media: broken}},
		"no file":           {"media", wa.ReasonBadParam, Content{Type: "file"}},
		"unknown file":      {"media/media_id", wa.ReasonNotFound, Content{Type: "image", Media: &MediaSource{MediaID: "nothing"}}},
		"private address":   {"media/url", wa.ReasonBadParam, Content{Type: "image", Media: &MediaSource{URL: private}}},
		"large file":        {"media/base64", wa.ReasonTooLarge, Content{Type: "document", Media: large}},
		"file with a path":  {"media/filename", wa.ReasonBadParam, Content{Type: "document", Media: &MediaSource{Base64: plain.Base64, Filename: "a/b"}}},
		"broken thumbnail":  {"thumbnail/base64", wa.ReasonBadParam, Content{Type: "image", Media: image, Thumbnail: broken}},
		"text as thumbnail": {"thumbnail", wa.ReasonBadParam, Content{Type: "document", Media: plain, Thumbnail: plain}},
		"broken header":     {"header/media/base64", wa.ReasonBadParam, Content{Type: "native_flow", Text: "x", Header: &FlowHeader{Media: broken}, Buttons: flow}},
		"sticker as header": {"media_kind", wa.ReasonBadParam, Content{Type: "buttons", Media: image, MediaKind: "sticker", Buttons: buttons}},
		"broken card":       {"cards/0/media/base64", wa.ReasonBadParam, Content{Type: "carousel", Text: "x", Cards: []Card{{Text: "x", Media: broken, Buttons: cardButtons}}}},
		"broken preview":    {"preview/thumbnail/base64", wa.ReasonBadParam, Content{Type: "text", Text: "see l", Preview: &Preview{URL: "l", Thumbnail: broken}}},
		"private picture":   {"items/1/image_url", wa.ReasonBadParam, Content{Type: "order", Items: []OrderItem{{Name: "x", Quantity: 1}, {Name: "y", Quantity: 1, ImageURL: private}}}},
		"broken picture":    {"media/base64", wa.ReasonBadParam, Content{Type: "buttons", Media: broken, Buttons: buttons}},
	} {
		b.Content = &c.content
		_, err := b.Build(t.Context())
		var e *wa.Error
		if errors.As(err, &e) && e.Reason == wa.ReasonNotSupported {
			t.Logf("%s: no converter is installed", name)
			continue
		}
		if !errors.As(err, &e) || e.Reason != c.reason || e.Field != c.field {
			t.Errorf("%s: %v; want %s of %s", name, err, c.reason, c.field)
		}
	}
}

// TestPreviewThatCannotBeFetched checks that a text is sent without the preview of a page that the server may not fetch.
func TestPreviewThatCannotBeFetched(t *testing.T) {
	b := newMediaBuilder(t)
	b.Content = &Content{Type: "text", Text: "see http://127.0.0.1/a", LinkPreview: true}
	m, err := b.Build(t.Context())
	if err != nil || m.GetExtendedTextMessage().GetText() != b.Content.Text || m.GetExtendedTextMessage().MatchedText != nil {
		t.Errorf("%v, %v", m, err)
	}
	b.Content = &Content{Type: "text", Text: "see l", Preview: &Preview{URL: "l", Thumbnail: picture(t)}}
	if m, err = b.Build(t.Context()); err != nil || len(m.GetExtendedTextMessage().GetJPEGThumbnail()) == 0 {
		t.Errorf("a picture of the caller: %v, %v", m, err)
	}
}

// TestCallersContentIsNotChanged checks that the filename of a verbatim document is replaced in a copy.
func TestCallersContentIsNotChanged(t *testing.T) {
	b := newMediaBuilder(t)
	source := &MediaSource{Base64: inBase64([]byte("plain words")).Base64, Filename: "a/b.txt"}
	b.Content = &Content{Type: "document", Verbatim: true, Media: source}
	if _, err := b.Build(t.Context()); wa.ReasonOf(err) != wa.ReasonNotConnected || source.Filename != "a/b.txt" {
		t.Errorf("filename %q, %v", source.Filename, err)
	}
}

// TestMediaErrorNamesTheParameter checks that each reason of package media has one of the bridge, and the field of the file stands below the parameter.
func TestMediaErrorNamesTheParameter(t *testing.T) {
	for reason, want := range map[media.Reason]wa.Reason{
		media.ReasonBad: wa.ReasonBadParam, media.ReasonTooLarge: wa.ReasonTooLarge, media.ReasonConflict: wa.ReasonConflict, media.ReasonTooMany: wa.ReasonRateLimited,
		media.ReasonNotFound: wa.ReasonNotFound, media.ReasonForbidden: wa.ReasonBadParam, media.ReasonFetch: wa.ReasonBadParam, media.ReasonTimeout: wa.ReasonTimeout,
		media.ReasonUnsupported: wa.ReasonNotSupported, media.ReasonStorage: wa.ReasonStorage,
	} {
		var e *wa.Error
		cause := errors.New("cause")
		if err := MediaError("media", &media.Error{Reason: reason, Field: "url", Message: "m", Err: cause}); !errors.As(err, &e) || e.Reason != want || e.Field != "media/url" || e.Message != "m" || !errors.Is(err, cause) {
			t.Errorf("%v: %v", reason, err)
		}
		if err := MediaError("media", &media.Error{Reason: reason}); !errors.As(err, &e) || e.Field != "media" {
			t.Errorf("%v without a field: %v", reason, err)
		}
	}
	other := errors.New("other")
	if err := MediaError("media", other); !errors.Is(err, other) || wa.ReasonOf(err) != "" {
		t.Errorf("another error became %v", err)
	}
}

func TestLengthsInMessages(t *testing.T) {
	for d, want := range map[time.Duration]uint32{time.Millisecond: 1, 1499 * time.Millisecond: 1, 1500 * time.Millisecond: 2, time.Minute: 60} {
		if got := seconds(d); got == nil || *got != want {
			t.Errorf("%v: %v, want %d", d, got, want)
		}
	}
	for n, want := range map[int]uint32{1: 1, 65535: 65535} {
		if got := dimension(n); got == nil || *got != want {
			t.Errorf("%d: %v, want %d", n, got, want)
		}
	}
	if seconds(0) != nil || seconds(-time.Second) != nil || dimension(0) != nil || dimension(-1) != nil || dimension(65536) != nil {
		t.Error("an unknown length is not left out")
	}
}

// TestUploadedFilesCanBeDownloaded builds messages with files on a simulated network and downloads the files by the keys in the messages.
func TestUploadedFilesCanBeDownloaded(t *testing.T) {
	t.Parallel()
	conn := conntest.Connect(t)
	client, err := conn.Live()
	if err != nil {
		t.Fatal(err)
	}
	outbound, err := guard.New(guard.Config{})
	if err != nil {
		t.Fatal(err)
	}
	library, err := media.New(t.Context(), conn.DB, outbound, media.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = library.Close(); outbound.Close() })
	image, plain := picture(t), inBase64([]byte("plain words"))
	wantImage, err := base64.StdEncoding.DecodeString(image.Base64)
	if err != nil {
		t.Fatal(err)
	}
	button := []Button{{Type: "reply", ButtonAction: ButtonAction{Label: "A"}}}
	for name, c := range map[string]struct {
		content Content
		file    func(*waE2E.Message) MediaFile
		want    []byte
		holds   func(*Message) bool
	}{
		"image": {Content{Type: "image", Media: image, Caption: "c"}, func(m *waE2E.Message) MediaFile { return m.GetImageMessage() }, wantImage, func(m *Message) bool {
			return m.Type == TypeImage && text(m.Text) == "c" && m.Media.Keys.Width == 3 && m.Media.Keys.Height == 2 && !m.ViewOnce
		}},
		"image that opens once": {Content{Type: "image", Media: image, ViewOnce: true}, func(m *waE2E.Message) MediaFile { return m.GetViewOnceMessage().GetMessage().GetImageMessage() }, wantImage, func(m *Message) bool {
			return m.Type == TypeImage && m.ViewOnce
		}},
		"document": {Content{Type: "document", Media: plain}, func(m *waE2E.Message) MediaFile { return m.GetDocumentMessage() }, []byte("plain words"), func(m *Message) bool {
			return m.Type == TypeDocument && text(m.Media.Filename) == "file.txt" && m.Media.Size == 11
		}},
		"document with a caption": {Content{Type: "document", Media: &MediaSource{Base64: plain.Base64, Filename: "a.txt"}, Caption: "c"}, func(m *waE2E.Message) MediaFile {
			return m.GetDocumentWithCaptionMessage().GetMessage().GetDocumentMessage()
		}, []byte("plain words"), func(m *Message) bool { return text(m.Media.Filename) == "a.txt" && text(m.Text) == "c" }},
		"verbatim document": {Content{Type: "document", Verbatim: true, Media: &MediaSource{Base64: plain.Base64, Filename: "a/b.txt"}}, func(m *waE2E.Message) MediaFile {
			return m.GetDocumentMessage()
		}, []byte("plain words"), func(m *Message) bool { return text(m.Media.Filename) == "a/b.txt" }},
		"buttons": {Content{Type: "buttons", Media: image, Buttons: Buttons(button)}, HeaderFile, wantImage, func(m *Message) bool {
			return m.Type == "buttons" && text(m.Media.MimeType) == "image/png" && len(m.Interactive.Buttons) == 1
		}},
		"buttons below a document": {Content{Type: "buttons", Media: image, MediaKind: "document", Buttons: Buttons(button)}, HeaderFile, wantImage, func(m *Message) bool {
			return m.Type == "buttons" && m.Media.Filename != nil
		}},
		"flow": {Content{Type: "native_flow", Text: "x", Header: &FlowHeader{Media: plain, Caption: "c"}, Buttons: FlowButtons([]FlowButton{{Name: "n"}})}, HeaderFile, []byte("plain words"), func(m *Message) bool {
			return m.Type == "native_flow" && text(m.Text) == "x" && m.Media != nil
		}},
		"carousel": {Content{Type: "carousel", Text: "x", Cards: []Card{{Text: "y", Media: image, Buttons: button}}}, func(m *waE2E.Message) MediaFile {
			return m.GetInteractiveMessage().GetCarouselMessage().GetCards()[0].GetHeader().GetImageMessage()
		}, wantImage, func(m *Message) bool { return m.Interactive.Cards[0].Media.Keys.Width == 3 }},
	} {
		b := &Builder{Client: client, Files: library, Owner: conntest.Owner, To: bob, Content: &c.content, Log: conntest.NewLog()}
		built, err := b.Build(conn.Deadline())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		file := c.file(built)
		got, err := client.Download(conn.Deadline(), file.(whatsmeow.DownloadableMessage))
		if err != nil || !bytes.Equal(got, c.want) || file.GetFileLength() != uint64(len(c.want)) {
			t.Errorf("%s: downloaded %d bytes, %v", name, len(got), err)
		}
		if read := NewMessage(&types.MessageInfo{}, WithoutEnvelopes(built)); !c.holds(read) || b.Handle != "" {
			t.Errorf("%s: read as %+v", name, read)
		}
	}
	b := &Builder{Client: client, Files: library, Owner: conntest.Owner, To: channel, Content: &Content{Type: "image", Media: image}, Log: conntest.NewLog()}
	if m, err := b.Build(conn.Deadline()); err != nil || b.Handle == "" || len(m.GetImageMessage().GetMediaKey()) != 0 {
		t.Errorf("to a newsletter: handle %q, %v", b.Handle, err)
	}
	if err = conn.Net.FailMedia(sandbox.MediaUpload, 500, 100); err != nil {
		t.Fatal(err)
	}
	b = &Builder{Client: client, Files: library, Owner: conntest.Owner, To: bob, Content: &Content{Type: "image", Media: image}, Log: conntest.NewLog()}
	var e *wa.Error
	if _, err = b.Build(conn.Deadline()); !errors.As(err, &e) || e.Reason != wa.ReasonWhatsApp || e.Field != "media" || e.OutcomeUnknown {
		t.Errorf("a refused upload: %v", err)
	}
}
