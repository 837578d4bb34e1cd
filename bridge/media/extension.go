package media

import (
	"mime"
	"path"
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

// extensions pairs file name extensions with MIME types. The first extension of a type is the usual one, the first type
// of an extension the usual one. It comes before the tables of the system, which differ between machines.
var extensions = [][2]string{
	{".jpg", typeJPEG},
	{".jpeg", typeJPEG},
	{".jpe", typeJPEG},
	{".png", typePNG},
	{".apng", typePNG},
	{".gif", typeGIF},
	{".webp", typeWebP},
	{".mp4", typeMP4},
	{".m4v", typeMP4},
	{".3gp", type3GP},
	{".3g2", type3GP},
	{".mov", typeMOV},
	{".qt", typeMOV},
	{".ogg", typeOgg},
	{".oga", typeOgg},
	{".opus", typeOgg},
	{".mp3", typeMPEG},
	{".aac", typeAAC},
	{".m4a", typeM4A},
	{".m4b", typeM4A},
	{".amr", typeAMR},
	{".wav", typeWAV},
	{".flac", "audio/flac"},
	{".webm", "video/webm"},
	{".mkv", "video/x-matroska"},
	{".avi", "video/x-msvideo"},
	{".mid", "audio/midi"},
	{".svg", typeSVG},
	{".tif", "image/tiff"},
	{".tiff", "image/tiff"},
	{".bmp", "image/bmp"},
	{".ico", "image/x-icon"},
	{".heic", "image/heic"},
	{".heif", "image/heif"},
	{".avif", "image/avif"},
	{".psd", "image/vnd.adobe.photoshop"},
	{".dwg", "image/vnd.dwg"},
	{".dxf", "image/vnd.dxf"},

	{".pdf", typePDF},
	{".zip", typeZip},
	{".txt", typeText},
	{".text", typeText},
	{".log", typeText},
	{".bin", typeBytes},
	{".html", typeHTML},
	{".htm", typeHTML},
	{".xhtml", "application/xhtml+xml"},
	{".json", "application/json"},
	{".geojson", "application/geo+json"},
	{".jsonl", "application/x-ndjson"},
	{".xml", "application/xml"},
	{".xml", typeXML},
	{".csv", "text/csv"},
	{".tsv", "text/tab-separated-values"},
	{".ics", "text/calendar"},
	{".vcf", "text/vcard"},
	{".md", "text/markdown"},
	{".markdown", "text/markdown"},
	{".yaml", "application/yaml"},
	{".yml", "application/yaml"},
	{".css", "text/css"},
	{".js", "text/javascript"},
	{".rtf", "application/rtf"},
	{".rtf", "text/rtf"},
	{".eml", "message/rfc822"},
	{".srt", "application/x-subrip"},
	{".vtt", "text/vtt"},
	{".kml", "application/vnd.google-earth.kml+xml"},
	{".kmz", "application/vnd.google-earth.kmz"},
	{".gpx", "application/gpx+xml"},
	{".sql", "application/sql"},
	{".toml", "application/toml"},
	{".ps", "application/postscript"},
	{".eps", "application/postscript"},

	{".doc", "application/msword"},
	{".dot", "application/msword"},
	{".xls", "application/vnd.ms-excel"},
	{".ppt", "application/vnd.ms-powerpoint"},
	{".pps", "application/vnd.ms-powerpoint"},
	{".msg", "application/vnd.ms-outlook"},
	{".pub", "application/vnd.ms-publisher"},
	{".mpp", "application/vnd.ms-project"},
	{".vsd", "application/vnd.visio"},
	{".vsdx", "application/vnd.ms-visio.drawing.main+xml"},
	{".docx", officePrefix + "wordprocessingml.document"},
	{".dotx", officePrefix + "wordprocessingml.template"},
	{".xlsx", officePrefix + "spreadsheetml.sheet"},
	{".xltx", officePrefix + "spreadsheetml.template"},
	{".pptx", officePrefix + "presentationml.presentation"},
	{".ppsx", officePrefix + "presentationml.slideshow"},
	{".potx", officePrefix + "presentationml.template"},
	{".docm", "application/vnd.ms-word.document.macroenabled.12"},
	{".xlsm", "application/vnd.ms-excel.sheet.macroenabled.12"},
	{".xlsb", "application/vnd.ms-excel.sheet.binary.macroenabled.12"},
	{".pptm", "application/vnd.ms-powerpoint.presentation.macroenabled.12"},
	{".odt", oasisPrefix + "text"},
	{".ott", oasisPrefix + "text-template"},
	{".ods", oasisPrefix + "spreadsheet"},
	{".ots", oasisPrefix + "spreadsheet-template"},
	{".odp", oasisPrefix + "presentation"},
	{".odg", oasisPrefix + "graphics"},
	{".odf", oasisPrefix + "formula"},
	{".odc", oasisPrefix + "chart"},
	{".pages", "application/vnd.apple.pages"},
	{".numbers", "application/vnd.apple.numbers"},
	{".key", "application/vnd.apple.keynote"},
	{".epub", "application/epub+zip"},
	{".mobi", "application/x-mobipocket-ebook"},
	{".djvu", "image/vnd.djvu"},

	{".apk", "application/vnd.android.package-archive"},
	{".xapk", "application/vnd.android.package-archive"},
	{".jar", "application/java-archive"},
	{".exe", "application/vnd.microsoft.portable-executable"},
	{".msi", "application/x-msi"},
	{".deb", "application/vnd.debian.binary-package"},
	{".rpm", "application/x-rpm"},
	{".dmg", "application/x-apple-diskimage"},
	{".iso", "application/x-iso9660-image"},
	{".gz", "application/gzip"},
	{".tgz", "application/gzip"},
	{".bz2", "application/x-bzip2"},
	{".xz", "application/x-xz"},
	{".zst", "application/zstd"},
	{".tar", "application/x-tar"},
	{".7z", "application/x-7z-compressed"},
	{".rar", "application/vnd.rar"},
	{".p7s", "application/pkcs7-signature"},
	{".p7m", "application/pkcs7-mime"},
	{".p12", "application/x-pkcs12"},
	{".pfx", "application/x-pkcs12"},
	{".crt", "application/x-x509-ca-cert"},
	{".pem", "application/x-pem-file"},
	{".sqlite", "application/vnd.sqlite3"},
	{".db", "application/vnd.sqlite3"},
	{".ttf", "font/ttf"},
	{".otf", "font/otf"},
	{".woff", "font/woff"},
	{".woff2", "font/woff2"},
	{".torrent", "application/x-bittorrent"},
	{".pkpass", "application/vnd.apple.pkpass"},
}

const (
	officePrefix = "application/vnd.openxmlformats-officedocument."
	oasisPrefix  = "application/vnd.oasis.opendocument."
)

var extensionByType, typeByExtension = indexExtensions()

func indexExtensions() (byType, byExtension map[string]string) {
	byType, byExtension = map[string]string{}, map[string]string{}
	for _, pair := range extensions {
		if _, known := byExtension[pair[0]]; !known {
			byExtension[pair[0]] = pair[1]
		}
		if _, known := byType[pair[1]]; !known {
			byType[pair[1]] = pair[0]
		}
	}
	return byType, byExtension
}

// Extension returns the usual file name extension of a MIME type, with its dot; ".bin" for types without one.
func Extension(mimeType string) string {
	base, ok := canonicalType(mimeType)
	if !ok {
		return ".bin"
	}
	if known, ok := extensionByType[base]; ok {
		return known
	}
	if node := mimetype.Lookup(base); node != nil && node.Extension() != "" {
		return node.Extension()
	}
	found, err := mime.ExtensionsByType(base)
	if err != nil || len(found) == 0 {
		return ".bin"
	}
	return found[0]
}

// typeOfName returns the MIME type of a file name's extension; "" = unknown.
func typeOfName(name string) string {
	extension := strings.ToLower(path.Ext(strings.TrimRight(name, ". ")))
	if extension == "" {
		return ""
	}
	if known, ok := typeByExtension[extension]; ok {
		return known
	}
	if found, ok := canonicalType(mime.TypeByExtension(extension)); ok {
		return found
	}
	return ""
}
