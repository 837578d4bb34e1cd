package media

import (
	"archive/zip"
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// zipOf returns a ZIP archive with the given entries in order: name, content, name, content ...
func zipOf(t *testing.T, entries ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for i := 0; i < len(entries); i += 2 {
		method := zip.Deflate
		if entries[i] == "mimetype" {
			method = zip.Store
		}
		// CreateRaw keeps sizes in the local header, as office programs do.
		f, err := w.CreateHeader(&zip.FileHeader{Name: entries[i], Method: method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, entries[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

const (
	officeType = "application/vnd.openxmlformats-officedocument."
	oasisType  = "application/vnd.oasis.opendocument."
)

// sampleFiles are small files of types that users send as documents: extension, type, content and the type that the
// content alone shows.
func sampleFiles(t *testing.T) map[string]struct {
	want, alone string
	content     []byte
} {
	ole := append([]byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), make([]byte, 1024)...)
	ical := "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n"
	type file = struct {
		want, alone string
		content     []byte
	}
	return map[string]file{
		"docx":    {officeType + "wordprocessingml.document", "", zipOf(t, "[Content_Types].xml", "<Types/>", "_rels/.rels", "<r/>", "word/document.xml", "<w/>")},
		"xlsx":    {officeType + "spreadsheetml.sheet", "", zipOf(t, "[Content_Types].xml", "<Types/>", "_rels/.rels", "<r/>", "xl/workbook.xml", "<w/>")},
		"pptx":    {officeType + "presentationml.presentation", "", zipOf(t, "[Content_Types].xml", "<Types/>", "_rels/.rels", "<r/>", "ppt/presentation.xml", "<w/>")},
		"odt":     {oasisType + "text", "", zipOf(t, "mimetype", oasisType+"text", "content.xml", "<o/>")},
		"ods":     {oasisType + "spreadsheet", "", zipOf(t, "mimetype", oasisType+"spreadsheet", "content.xml", "<o/>")},
		"epub":    {"application/epub+zip", "", zipOf(t, "mimetype", "application/epub+zip", "META-INF/container.xml", "<c/>")},
		"apk":     {"application/vnd.android.package-archive", "", zipOf(t, "AndroidManifest.xml", "x", "classes.dex", "x")},
		"zip":     {typeZip, "", zipOf(t, "a.txt", "hello")},
		"doc":     {"application/msword", "application/x-ole-storage", ole},
		"xls":     {"application/vnd.ms-excel", "application/x-ole-storage", ole},
		"csv":     {"text/csv", "", []byte("name,amount\nAda,1\nBob,2\n")},
		"json":    {"application/json", "", []byte(`{"a": [1, 2]}`)},
		"ics":     {"text/calendar", "", []byte(ical)},
		"vcf":     {"text/vcard", "", []byte("BEGIN:VCARD\nVERSION:3.0\nFN:Ada\nEND:VCARD\n")},
		"svg":     {"image/svg+xml", "", []byte(`<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"></svg>`)},
		"xml":     {"application/xml", "text/xml", []byte(`<?xml version="1.0"?><invoice/>`)},
		"html":    {"text/html", "", []byte("<!DOCTYPE html><html></html>")},
		"rtf":     {"application/rtf", "text/rtf", []byte(`{\rtf1\ansi hello}`)},
		"md":      {"text/markdown", "text/plain", []byte("# Title\n\nwords\n")},
		"txt":     {"text/plain", "", []byte("plain words\n")},
		"yaml":    {"application/yaml", "text/plain", []byte("a: 1\nb: two\n")},
		"gz":      {"application/gzip", "", []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00")},
		"7z":      {"application/x-7z-compressed", "", []byte("7z\xbc\xaf\x27\x1c\x00\x04")},
		"rar":     {"application/vnd.rar", "", []byte("Rar!\x1a\x07\x01\x00")},
		"pdf":     {typePDF, "", []byte("%PDF-1.7\n")},
		"tif":     {"image/tiff", "", []byte("II*\x00\x08\x00\x00\x00")},
		"bmp":     {"image/bmp", "", append([]byte("BM\x46\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00"), make([]byte, 60)...)},
		"webm":    {"video/webm", "", []byte("\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm")},
		"flac":    {"audio/flac", "", []byte("fLaC\x00\x00\x00\x22")},
		"dwg":     {"image/vnd.dwg", "", []byte("AC1012\x00\x00\x00\x00\x00\x00")},
		"psd":     {"image/vnd.adobe.photoshop", "", []byte("8BPS\x00\x01")},
		"p12":     {"application/x-pkcs12", typeBytes, []byte("\x30\x82\x01\x02\x02\x01\x03\x00")},
		"sqlite":  {"application/vnd.sqlite3", "", []byte("SQLite format 3\x00")},
		"unknown": {typeBytes, typeBytes, []byte("\x00\x01\x02\x03\x04")},
	}
}

// TestTypesOfDocuments sends each kind of file on each way, with each hint that names its type.
func TestTypesOfDocuments(t *testing.T) {
	files := sampleFiles(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		extension := r.URL.Path[strings.LastIndexByte(r.URL.Path, '.')+1:]
		w.Header().Set("Content-Type", r.URL.Query().Get("type"))
		_, _ = w.Write(files[extension].content)
	}))
	defer server.Close()
	l := newLibrary(t, Config{})
	for extension, file := range files {
		alone := file.alone
		if alone == "" {
			alone = file.want
		}
		wantName := file.want
		if extension == "unknown" {
			wantName = typeBytes
		}
		plainName := wantName
		if alone == typeText {
			plainName = alone // the server's type fits, and comes before the name
		}
		coded := "base64," + strings.TrimPrefix(data("", file.content), "data:;base64,")
		at := server.URL + "/path/name." + extension
		take := func(in Input) (*File, error) { return l.Take(bytes.NewReader(file.content), in) }
		open := func(in Input) (*File, error) { return l.Open(t.Context(), "s", in) }
		for name, c := range map[string]struct {
			open func(Input) (*File, error)
			in   Input
			want string
		}{
			"base64 alone":             {open, Input{Base64: "data:;" + coded}, alone},
			"base64, bytes":            {open, Input{Base64: "data:application/octet-stream;" + coded}, alone},
			"base64, labelled":         {open, Input{Base64: "data:" + file.want + ";" + coded}, file.want},
			"base64, declared":         {open, Input{Base64: "data:;" + coded, MimeType: file.want}, file.want},
			"base64, named":            {open, Input{Base64: "data:;" + coded, Filename: "Report 1." + extension}, wantName},
			"base64, named in capital": {open, Input{Base64: "data:;" + coded, Filename: "REPORT." + strings.ToUpper(extension)}, wantName},
			"url, header":              {open, Input{URL: at + "?type=" + strings.ReplaceAll(file.want, "+", "%2B"), Filename: "x"}, file.want},
			"url, header with charset": {open, Input{URL: at + "?type=" + strings.ReplaceAll(file.want, "+", "%2B") + "%3B+charset%3Dutf-8", Filename: "x"}, file.want},
			"url, bytes and name":      {open, Input{URL: at + "?type=application/octet-stream"}, wantName},
			"url, plain and name":      {open, Input{URL: at + "?type=text/plain"}, plainName},
			"url, wrong and name":      {open, Input{URL: at + "?type=image/jpeg"}, wantName},
			"url, download and name":   {open, Input{URL: at + "?type=application/force-download"}, wantName},
			"url, nonsense and name":   {open, Input{URL: at + "?type=nonsense"}, wantName},
			"upload alone":             {take, Input{}, alone},
			"upload, declared":         {take, Input{MimeType: file.want}, file.want},
			"upload, named":            {take, Input{Filename: "report." + extension}, wantName},
			"upload, wrong name":       {take, Input{Filename: "report.png"}, alone},
			"upload in parts, named":   {func(in Input) (*File, error) { return inParts(t, l, in, file.content) }, Input{Filename: "a." + extension}, wantName},
		} {
			f, err := c.open(c.in)
			if err != nil {
				t.Errorf("%s, %s: %v", extension, name, err)
				continue
			}
			if f.MimeType != c.want {
				t.Errorf("%s, %s: %s, want %s", extension, name, f.MimeType, c.want)
			}
			if f.File != nil {
				f.Close()
			}
		}
	}
}

// inParts uploads a file in two parts; only the type and the name are returned.
func inParts(t *testing.T, l *Library, in Input, content []byte) (*File, error) {
	u, err := l.BeginUpload(t.Context(), "s", "s", int64(len(content)), in)
	if err != nil {
		return nil, err
	}
	half := len(content) / 2
	if _, _, err := l.Continue(t.Context(), "s", u.ID, 0, bytes.NewReader(content[:half])); err != nil {
		return nil, err
	}
	_, kept, err := l.Continue(t.Context(), "s", u.ID, int64(half), bytes.NewReader(content[half:]))
	if err != nil {
		return nil, err
	}
	return &File{MimeType: kept.MimeType, Filename: kept.Filename}, nil
}

// TestNoTypeBelowTheRecognisedOne declares less than the bytes show.
func TestNoTypeBelowTheRecognisedOne(t *testing.T) {
	l := newLibrary(t, Config{})
	files := sampleFiles(t)
	for _, c := range []struct{ extension, declared, name, want string }{
		{"docx", typeZip, "", files["docx"].want},
		{"docx", "application/x-zip-compressed", "", files["docx"].want},
		{"odt", typeZip, "a.zip", files["odt"].want},
		{"epub", "application/octet-stream", "a.bin", files["epub"].want},
		{"json", "text/plain", "", "application/json"},
		{"svg", "text/xml", "", "image/svg+xml"},
		{"svg", "application/xml", "", "image/svg+xml"},
		{"ics", "text/plain", "a.ics", "text/calendar"},
		{"csv", "text/plain", "a.csv", "text/csv"},
		// Two lines with a comma each are a note as well as a table: the sender decides.
		{"csv", "text/plain", "", "text/plain"},
		{"csv", "", "note.txt", "text/plain"},
		{"csv", "", "note.log", "text/plain"},
	} {
		f, err := l.Open(t.Context(), "s", Input{Base64: data("", files[c.extension].content), MimeType: c.declared, Filename: c.name})
		if err != nil {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		if f.MimeType != c.want {
			t.Errorf("%s as %q, %q: %s, want %s", c.extension, c.declared, c.name, f.MimeType, c.want)
		}
		f.Close()
	}
}

// TestDeclaredTypeOfAFileRecognisedWrongly sends files that look like another type.
func TestDeclaredTypeOfAFileRecognisedWrongly(t *testing.T) {
	l := newLibrary(t, Config{})
	files := sampleFiles(t)
	for name, c := range map[string]struct {
		content  string
		declared string
	}{
		"pdf after a newline":        {"\n%PDF-1.4\n", typePDF},
		"pdf after CRLF":             {"\r\n\r\n%PDF-1.4\n", typePDF},
		"pdf after a BOM":            {"\xef\xbb\xbf%PDF-1.4\n", typePDF},
		"pdf after blanks":           {"   %PDF-1.4\n", typePDF},
		"pdf after 1,000 bytes":      {strings.Repeat("\x00", 1000) + "%PDF-1.4\n", typePDF},
		"pdf after a mail header":    {"Content-Type: application/pdf\r\n\r\n%PDF-1.4\n", typePDF},
		"text about pdf":             {"A file begins with %PDF-1.7 and so on.\n", "text/plain"},
		"markdown about pdf":         {"# On %PDF-1.7\n", "text/markdown"},
		"html as text":               {"<html><body>", "text/markdown"},
		"json as yaml":               {`{"a": 1}`, "application/yaml"},
		"json with a comment":        {"// c\n{\"a\": 1}", "application/json"},
		"csv of one column":          {"name\nAda\nBob\n", "text/csv"},
		"csv with semicolons":        {"name;n\nAda;1\n", "text/csv"},
		"encrypted docx":             {string(files["doc"].content), officeType + "wordprocessingml.document"},
		"xlsx that looks like docx":  {string(files["docx"].content), officeType + "spreadsheetml.sheet"},
		"ibooks":                     {string(files["zip"].content), "application/x-ibooks+zip"},
		"apk that looks like a jar":  {string(zipOf(t, "META-INF/MANIFEST.MF", "x", "res/a.xml", "x")), "application/vnd.android.package-archive"},
		"calendar that looks binary": {"BEGIN:VCALENDAR\x00", "text/calendar"},
		"mp3 after rubbish":          {strings.Repeat("\x00", 50) + "\xff\xfb", "audio/mpeg"},
	} {
		for way, in := range map[string]Input{
			"declared": {Base64: data("", []byte(c.content)), MimeType: c.declared},
			"labelled": {Base64: data(c.declared, []byte(c.content))},
			"named":    {Base64: data("", []byte(c.content)), MimeType: c.declared, Filename: "a.bin"},
		} {
			f, err := l.Open(t.Context(), "s", in)
			if err != nil {
				t.Errorf("%s, %s: %v", name, way, err)
				continue
			}
			if f.MimeType != c.declared {
				t.Errorf("%s, %s: %s", name, way, f.MimeType)
			}
			f.Close()
		}
	}
}
