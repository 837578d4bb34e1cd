package sandbox

import "go.mau.fi/whatsmeow"

// mediaHost stores encrypted blobs as WhatsApp's media servers do. Its methods must not be called under Network.mu.
type mediaHost interface {
	// upload encrypts a file as a phone does and stores it; the result fills the media fields of a message.
	upload(plain []byte, kind whatsmeow.MediaType) (mediaRef, error)
	// download finds, verifies and decrypts a file that a message refers to.
	download(ref mediaRef, kind whatsmeow.MediaType) ([]byte, error)
}

// mediaRef has the path, keys and hashes of a file, as in the media fields of a message.
type mediaRef struct {
	URL, DirectPath                     string
	MediaKey, FileSHA256, FileEncSHA256 []byte
	FileLength                          uint64
}
