package sandbox

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/util/cbcutil"
	"go.mau.fi/whatsmeow/util/hkdfutil"
)

// Hosts of the simulated media network. The first of mediaHosts takes uploads.
const (
	mediaHostPrimary  = "mmg.whatsapp.net"
	mediaHostFallback = "media-sandbox.cdn.whatsapp.net"
	pictureHost       = "pps.whatsapp.net"
	staticHost        = "static.whatsapp.net"
)

const (
	// mediaMACLength is the length of the MAC after the ciphertext of a file, in bytes.
	mediaMACLength = 10
	// mediaLinkLife is how long the signature in a download path is valid; files stay until they are deleted or Limits.Media removes them.
	mediaLinkLife = 30 * 24 * time.Hour
	// mediaAuthLife is how long an upload permission is valid.
	mediaAuthLife = 6 * time.Hour
)

// Errors of fetching a file that a message refers to.
var (
	// ErrNoMedia: the media host has no such file.
	ErrNoMedia = errors.New("no such media")
	// ErrBadMedia: the file does not match the message (hash, MAC or padding).
	ErrBadMedia = errors.New("media does not match its message")
	// ErrMediaTooLarge: the file is beyond Limits.Blob.
	ErrMediaTooLarge = errors.New("media too large")
)

// mediaFolders is the path prefix of each kind of upload; kinds are named as in upload URLs.
var mediaFolders = map[string]string{
	"image": "/v/t62.7118-24/", "video": "/v/t62.7161-24/", "audio": "/v/t62.7117-24/", "ptt": "/v/t62.7117-24/", "document": "/v/t62.7119-24/",
	"sticker": "/v/t62.15575-24/", "sticker-pack": "/v/t62.15575-25/", "thumbnail-link": "/v/t62.36144-24/", "md-msg-hist": "/v/t62.14680-24/",
	"md-app-state":     "/v/t62.14681-24/",
	"newsletter-image": "/m1/v/t24/", "newsletter-video": "/m1/v/t25/", "newsletter-audio": "/m1/v/t26/", "newsletter-document": "/m1/v/t27/",
	"newsletter-sticker": "/m1/v/t28/", "newsletter-thumbnail-link": "/m1/v/t29/",
}

// uploadKind maps each media type to its name in upload URLs.
var uploadKind = map[whatsmeow.MediaType]string{
	whatsmeow.MediaImage: "image", whatsmeow.MediaVideo: "video", whatsmeow.MediaAudio: "audio", whatsmeow.MediaDocument: "document",
	whatsmeow.MediaHistory: "md-msg-hist", whatsmeow.MediaAppState: "md-app-state", whatsmeow.MediaStickerPack: "sticker-pack",
	whatsmeow.MediaLinkThumbnail: "thumbnail-link",
}

// pictureKind is the kind of profile and group pictures, which have a host of their own and arrive over the socket.
const pictureKind = "picture"

// pictureFolder is the path prefix of pictures.
const pictureFolder = "/v/t61.24694-24/"

// blob is one stored file. Immutable.
type blob struct {
	path string // without query
	kind string
	data []byte
	hash [sha256.Size]byte

	downloads *atomic.Int64 // counts the downloads; nil = they are not counted
}

// blobStore is the media host. It has a lock of its own, the innermost of all, so that copying large files never blocks the network.
type blobStore struct {
	net    *Network
	secret []byte // signs permissions and download paths
	random *entropy

	mu      sync.Mutex
	blobs   map[string]*blob
	order   []string // oldest first, may name deleted ones
	size    int64
	handles map[string]string // handle of a newsletter upload to its path
	faults  []mediaFault
}

var _ mediaHost = (*blobStore)(nil)

func newBlobStore(n *Network) *blobStore {
	random := n.random.derive("media")
	return &blobStore{net: n, secret: random.bytes(32), random: random, blobs: map[string]*blob{}, handles: map[string]string{}}
}

// put stores a file under a name derived from its content; storing the same content again returns the stored file with its old age.
func (s *blobStore) put(kind string, data []byte) (*blob, error) {
	if int64(len(data)) > s.net.options.Limits.Blob {
		return nil, fmt.Errorf("sandbox: %w: %d bytes", ErrMediaTooLarge, len(data))
	}
	hash := sha256.Sum256(data)
	path := mediaFolders[kind] + strconv.FormatUint(uint64(hash[0])<<24|uint64(hash[1])<<16|uint64(hash[2])<<8|uint64(hash[3]), 10) +
		"_" + hex.EncodeToString(hash[4:20]) + "_n.enc"
	return s.insert(&blob{path: path, kind: kind, data: data, hash: hash}), nil
}

func (s *blobStore) insert(b *blob) *blob {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.blobs[b.path]; old != nil {
		return old
	}
	s.blobs[b.path] = b
	s.order = append(s.order, b.path)
	s.size += int64(len(b.data))
	for s.size > s.net.options.Limits.Media && len(s.order) > 1 {
		s.drop(s.order[0])
		s.order = s.order[1:]
	}
	return b
}

// drop removes a file. Call under s.mu.
func (s *blobStore) drop(path string) bool {
	b := s.blobs[path]
	if b == nil {
		return false
	}
	delete(s.blobs, path)
	delete(s.handles, s.sign("handle", path))
	s.size -= int64(len(b.data))
	return true
}

func (s *blobStore) get(path string) *blob {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.blobs[path]
}

func (s *blobStore) remove(path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drop(path)
}

// countDownloads counts the downloads of a file, which was not downloaded yet.
func (s *blobStore) countDownloads(directPath string, count *atomic.Int64) {
	path, _, _ := strings.Cut(directPath, "?")
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.blobs[path]; b != nil {
		b.downloads = count
	}
}

// sign returns the HMAC of a purpose and its fields under the host's secret.
func (s *blobStore) sign(fields ...string) string {
	mac := hmac.New(sha256.New, s.secret)
	for _, field := range fields {
		_, _ = fmt.Fprintf(mac, "%d:%s", len(field), field)
	}
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:18])
}

// directPath is the signed address of a file on any media host.
func (s *blobStore) directPath(path string) string {
	expiry := strconv.FormatInt(s.net.now().Add(mediaLinkLife).Unix(), 16)
	return path + "?ccb=11-4&oh=" + s.sign("path", path, expiry) + "&oe=" + expiry + "&_nc_sid=5e03e0"
}

// checkPath verifies the signature of a direct path's query.
func (s *blobStore) checkPath(path string, query url.Values) bool {
	expiry := query.Get("oe")
	until, err := strconv.ParseInt(expiry, 16, 64)
	return err == nil && s.net.now().Unix() <= until && hmac.Equal([]byte(s.sign("path", path, expiry)), []byte(query.Get("oh")))
}

// permission returns an upload token of an account, valid for mediaAuthLife.
func (s *blobStore) permission(user string) string {
	body := user + "." + strconv.FormatInt(s.net.now().Add(mediaAuthLife).Unix(), 36)
	return body + "." + s.sign("auth", body)
}

func (s *blobStore) checkPermission(auth string) bool {
	end := strings.LastIndexByte(auth, '.')
	if end < 0 || !hmac.Equal([]byte(s.sign("auth", auth[:end])), []byte(auth[end+1:])) {
		return false
	}
	_, stamp, _ := strings.Cut(auth[:end], ".")
	until, err := strconv.ParseInt(stamp, 36, 64)
	return err == nil && s.net.now().Unix() <= until
}

// mediaKeys expands the key of one file.
func mediaKeys(key []byte, kind whatsmeow.MediaType) (iv, cipherKey, macKey []byte) {
	expanded := hkdfutil.SHA256(key, nil, []byte(kind), 112)
	return expanded[:16], expanded[16:48], expanded[48:80]
}

func mediaMAC(macKey, iv, ciphertext []byte) []byte {
	mac := hmac.New(sha256.New, macKey)
	mac.Write(iv)
	mac.Write(ciphertext)
	return mac.Sum(nil)[:mediaMACLength]
}

func (s *blobStore) upload(plain []byte, kind whatsmeow.MediaType) (mediaRef, error) {
	folder := uploadKind[kind]
	if folder == "" {
		return mediaRef{}, fmt.Errorf("sandbox: unknown media type %q", kind)
	}
	key := s.random.bytes(32)
	iv, cipherKey, macKey := mediaKeys(key, kind)
	ciphertext, err := cbcutil.Encrypt(cipherKey, iv, plain)
	if err != nil {
		return mediaRef{}, fmt.Errorf("sandbox: encrypt media: %w", err)
	}
	b, err := s.put(folder, append(ciphertext, mediaMAC(macKey, iv, ciphertext)...))
	if err != nil {
		return mediaRef{}, err
	}
	hash := sha256.Sum256(plain)
	path := s.directPath(b.path)
	return mediaRef{
		URL: "https://" + mediaHostPrimary + path, DirectPath: path,
		MediaKey: key, FileSHA256: hash[:], FileEncSHA256: b.hash[:], FileLength: uint64(len(plain)),
	}, nil
}

func (s *blobStore) download(ref mediaRef, kind whatsmeow.MediaType) ([]byte, error) {
	path, query, _ := strings.Cut(ref.DirectPath, "?")
	values, err := url.ParseQuery(query)
	if err != nil || !s.checkPath(path, values) {
		return nil, fmt.Errorf("sandbox: %w: signature of its path", ErrNoMedia)
	}
	b := s.get(path)
	if b == nil {
		return nil, fmt.Errorf("sandbox: %w", ErrNoMedia)
	}
	plain := b.data
	if len(ref.MediaKey) > 0 {
		if plain, err = openBlob(b, ref, kind); err != nil {
			return nil, err
		}
	}
	if hash := sha256.Sum256(plain); !bytes.Equal(hash[:], ref.FileSHA256) {
		return nil, fmt.Errorf("sandbox: %w: hash of the file", ErrBadMedia)
	}
	if ref.FileLength != 0 && ref.FileLength != uint64(len(plain)) {
		return nil, fmt.Errorf("sandbox: %w: length", ErrBadMedia)
	}
	return plain, nil
}

// openBlob checks and decrypts an encrypted file.
func openBlob(b *blob, ref mediaRef, kind whatsmeow.MediaType) ([]byte, error) {
	if !bytes.Equal(b.hash[:], ref.FileEncSHA256) {
		return nil, fmt.Errorf("sandbox: %w: hash of the encrypted file", ErrBadMedia)
	}
	if len(b.data) <= mediaMACLength {
		return nil, fmt.Errorf("sandbox: %w: too short", ErrBadMedia)
	}
	end := len(b.data) - mediaMACLength
	iv, cipherKey, macKey := mediaKeys(ref.MediaKey, kind)
	if !hmac.Equal(mediaMAC(macKey, iv, b.data[:end]), b.data[end:]) {
		return nil, fmt.Errorf("sandbox: %w: MAC", ErrBadMedia)
	}
	// Decrypt works in place; the stored file must stay as it is.
	plain, err := cbcutil.Decrypt(cipherKey, iv, bytes.Clone(b.data[:end]))
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w: %w", ErrBadMedia, err)
	}
	return plain, nil
}
