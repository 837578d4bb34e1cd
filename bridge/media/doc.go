// Package media prepares files for sending and stores files for a limited time.
//
// It owns the way from a media object (an id, an address or a data URL) to a
// checked temporary file (open.go), the detection of a file's type by its content
// (filetype.go, extension.go), the properties that WhatsApp requires (image.go, mp4.go,
// ogg.go), conversions where a converter is installed (convert.go), and the
// file store with its table media_files (store.go).
//
// Files are streamed through disk, never held in memory as a whole; only the
// decoding of a picture takes memory, bounded by its pixels and by how many are
// decoded at once. File names on disk are hashes: nothing a caller or a sender
// chose is part of a path.
//
// It must not know whatsmeow. Enter at New, then Library.Open and Library.Keep.
package media
