package webhook

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime/multipart"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"

	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/webhook/payload"
	"github.com/waystation/waystation/transports/webhook/wuzapi"
	"github.com/waystation/waystation/transports/webhook/wwebjs"
)

// inlineNames are a format's names for the JSON members of a file.
type inlineNames struct{ mimeType, filename, base64, skipped string }

var (
	wuzapiNames = inlineNames{"mimeType", "fileName", "base64", "fileSkipped"}
	nativeNames = inlineNames{"mime_type", "filename", "base64", "skipped"}
	wwebjsNames = inlineNames{mimeType: "mimetype", filename: "filename", base64: "data"}
)

// writeMembers writes the members of a file, without the braces of their object. The base64 is streamed from the file.
func (n *inlineNames) writeMembers(w io.Writer, f *attachment) error {
	if f.skipped != "" {
		return writeAll(w, writeMember(n.skipped, string(f.skipped)))
	}
	if err := writeAll(w, writeMember(n.mimeType, f.MimeType), ",", writeMember(n.filename, f.Filename), `,"`+n.base64+`":"`); err != nil {
		return err
	}
	encoder := base64.NewEncoder(base64.StdEncoding, w)
	if err := f.copyTo(encoder); err != nil {
		return err
	}
	if err := encoder.Close(); err != nil {
		return err
	}
	return writeAll(w, `"`)
}

func writeMember(name, value string) string {
	text, _ := json.Marshal(value) // marshalling a string never fails
	return `"` + name + `":` + string(text)
}

func writeAll(w io.Writer, texts ...string) error {
	for _, text := range texts {
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
	}
	return nil
}

var errNoObject = errors.New("the body is no JSON object with members")

// withFileMembers returns a function that writes a JSON object followed by the members of a file.
func withFileMembers(object []byte, names *inlineNames, f *attachment) (func(w io.Writer) error, error) {
	open, ok := bytes.CutSuffix(object, []byte("}"))
	if !ok || len(open) < 2 {
		return nil, errNoObject
	}
	return func(w io.Writer) error {
		if err := writeAll(w, string(open), ","); err != nil {
			return err
		}
		if err := names.writeMembers(w, f); err != nil {
			return err
		}
		return writeAll(w, "}")
	}, nil
}

// attachNative puts the member file into the event's data.
func attachNative(_ *Webhook, d *dispatch.Delivery, _ *payload.Event, f *attachment) (fileBody, error) {
	open, ok := bytes.CutSuffix(d.Body, []byte("}}"))
	if !ok || len(d.Event.Data) <= len("{}") {
		return fileBody{}, errNoObject
	}
	return fileBody{contentJSON, func(w io.Writer) error {
		if err := writeAll(w, string(open), `,"file":{`); err != nil {
			return err
		}
		if err := nativeNames.writeMembers(w, f); err != nil {
			return err
		}
		return writeAll(w, "}}}")
	}}, nil
}

// attachWuzapi sends the file as the part "file", as early wuzapi versions do, or as members of jsonData, as later ones do.
func attachWuzapi(w *Webhook, _ *dispatch.Delivery, e *payload.Event, f *attachment) (fileBody, error) {
	data, err := wuzapi.Payload(e)
	if err != nil {
		return fileBody{}, err
	}
	if w.Files == FilesMultipart && f.skipped == "" {
		return wuzapiParts(w, e, data, f), nil
	}
	write, err := withFileMembers(data, &wuzapiNames, f)
	if err != nil {
		return fileBody{}, err
	}
	fields := wuzapiFields(w, e).Encode()
	return fileBody{contentForm, func(out io.Writer) error {
		if err := writeAll(out, fields, "&jsonData="); err != nil {
			return err
		}
		return write(escaper{out})
	}}, nil
}

// attachWuzapiJSON adds the members of the file to the body, or sends wuzapi's form with the part "file".
func attachWuzapiJSON(w *Webhook, _ *dispatch.Delivery, e *payload.Event, f *attachment) (fileBody, error) {
	data, err := wuzapi.PayloadFor(e, e.Session)
	if err != nil {
		return fileBody{}, err
	}
	if w.Files == FilesMultipart && f.skipped == "" {
		return wuzapiParts(w, e, data, f), nil
	}
	write, err := withFileMembers(data, &wuzapiNames, f)
	return fileBody{contentJSON, write}, err
}

// wuzapiParts is multipart/form-data with the fields of wuzapi's form and the part "file".
func wuzapiParts(w *Webhook, e *payload.Event, data []byte, f *attachment) fileBody {
	fields := wuzapiFields(w, e)
	fields.Set("jsonData", string(data))
	form := multipart.NewWriter(io.Discard)
	boundary := form.Boundary()
	return fileBody{form.FormDataContentType(), func(out io.Writer) error {
		parts := multipart.NewWriter(out)
		if err := parts.SetBoundary(boundary); err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			if err := parts.WriteField(name, fields.Get(name)); err != nil {
				return err
			}
		}
		part, err := parts.CreatePart(textproto.MIMEHeader{
			"Content-Disposition": {multipart.FileContentDisposition("file", f.Filename)}, headerContentType: {f.MimeType},
		})
		if err != nil {
			return err
		}
		if err := f.copyTo(part); err != nil {
			return err
		}
		return parts.Close()
	}}
}

// escaper writes bytes as the value of a form's field.
type escaper struct{ to io.Writer }

func (e escaper) Write(p []byte) (int, error) {
	if _, err := io.WriteString(e.to, url.QueryEscape(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// attachWWebJS is wwebjs-api's event media, which follows a received message. A file that is not available has none.
func attachWWebJS(_ *Webhook, _ *dispatch.Delivery, e *payload.Event, f *attachment) (fileBody, error) {
	if f.skipped != "" {
		return fileBody{}, nil
	}
	head, tail, err := wwebjs.MediaParts(e)
	if err != nil || head == nil {
		return fileBody{}, err
	}
	return fileBody{contentJSON, func(w io.Writer) error {
		if err := writeAll(w, string(head)); err != nil {
			return err
		}
		if err := wwebjsNames.writeMembers(w, f); err != nil {
			return err
		}
		return writeAll(w, `,"filesize":`, strconv.FormatInt(f.Size, 10), string(tail))
	}}, nil
}
