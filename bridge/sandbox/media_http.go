package sandbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// Values that media_conn announces; clients request it again after the first lifetime.
const (
	mediaConnTTL     = 5 * time.Minute
	mediaConnBuckets = 12
)

// registerMedia registers the media host.
func (n *Network) registerMedia() {
	store := newBlobStore(n)
	n.media, n.blobs = store, store
	n.addIQ(iqRoutes{"w:m/set/media_conn": store.mediaConn})
	for _, host := range []string{mediaHostPrimary, mediaHostFallback} {
		n.handleHTTP(host, "/mms/", store.serveUpload)
		n.handleHTTP(host, "/newsletter/", store.serveUpload)
		n.handleHTTP(host, "/v/", store.serveFile)
		n.handleHTTP(host, "/m1/", store.serveFile)
	}
	n.handleHTTP(pictureHost, "/v/", store.serveFile)
	n.handleHTTP(staticHost, "/sticker", n.serveStickerPack)
}

// mediaConn returns the hosts of the media network and an upload token.
func (s *blobStore) mediaConn(r *request) ([]waBinary.Node, error) {
	return []waBinary.Node{{
		Tag: "media_conn",
		Attrs: waBinary.Attrs{
			"auth": s.permission(r.device.account.lid.User), "auth_ttl": seconds(mediaAuthLife), "ttl": seconds(mediaConnTTL),
			"max_buckets": strconv.Itoa(mediaConnBuckets),
		},
		Content: []waBinary.Node{
			{Tag: "host", Attrs: waBinary.Attrs{"hostname": mediaHostPrimary, "type": "primary"}},
			{Tag: "host", Attrs: waBinary.Attrs{"hostname": mediaHostFallback, "type": "fallback"}},
		},
	}}, nil
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }

// uploadResult is the answer to an upload.
type uploadResult struct {
	URL        string `json:"url"`
	DirectPath string `json:"direct_path"`
	Handle     string `json:"handle,omitempty"`
	ObjectID   string `json:"object_id,omitempty"`
}

// serveUpload stores and deletes files: /mms/KIND/TOKEN and /newsletter/newsletter-KIND/TOKEN.
func (s *blobStore) serveUpload(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(r.URL.Path, "/")
	if len(parts) != 4 || mediaFolders[parts[2]] == "" || strings.HasPrefix(parts[2], "newsletter-") != (parts[1] == "newsletter") {
		refuseHTTP(w, http.StatusNotFound)
		return
	}
	query := r.URL.Query()
	token, err := base64.URLEncoding.DecodeString(parts[3])
	switch {
	case !s.checkPermission(query.Get("auth")):
		refuseHTTP(w, http.StatusUnauthorized)
	case err != nil || len(token) != sha256.Size || query.Get("token") != parts[3]:
		refuseHTTP(w, http.StatusBadRequest)
	case r.Method == http.MethodPost:
		s.acceptUpload(w, r, parts[2], [sha256.Size]byte(token))
	case r.Method == http.MethodDelete:
		s.deleteUpload(w, query.Get("d_md"), parts[2], [sha256.Size]byte(token))
	default:
		refuseHTTP(w, http.StatusMethodNotAllowed)
	}
}

// acceptUpload stores an upload if its content has the hash in its token.
func (s *blobStore) acceptUpload(w http.ResponseWriter, r *http.Request, kind string, hash [sha256.Size]byte) {
	if status := s.consumeFault(MediaUpload, ""); status != 0 {
		refuseHTTP(w, status)
		return
	}
	limit := s.net.options.Limits.Blob
	data, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	switch {
	case int64(len(data)) > limit:
		refuseHTTP(w, http.StatusRequestEntityTooLarge)
		return
	case err != nil || len(data) == 0 || sha256.Sum256(data) != hash || !validLength(kind, len(data)):
		s.net.log.Warn("upload refused", "reason", "hash or size does not match")
		refuseHTTP(w, http.StatusBadRequest)
		return
	}
	b, err := s.put(kind, data)
	if err != nil {
		refuseHTTP(w, http.StatusRequestEntityTooLarge)
		return
	}
	path := s.directPath(b.path)
	result := uploadResult{URL: "https://" + mediaHostPrimary + path, DirectPath: path, ObjectID: s.sign("object", b.path)}
	if strings.HasPrefix(kind, "newsletter-") {
		result.Handle = s.newHandle(b)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(result)
}

// validLength reports whether a file of this length can be of its kind: encrypted files are whole cipher blocks and a MAC.
func validLength(kind string, length int) bool {
	return strings.HasPrefix(kind, "newsletter-") || length > mediaMACLength && (length-mediaMACLength)%16 == 0
}

// newHandle returns a new handle of a newsletter upload; a post with it proves that the host has its file.
func (s *blobStore) newHandle(b *blob) string {
	handle := s.sign("handle", b.path)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handles[handle] = b.path
	return handle
}

// hasHandle reports whether the host has a file that was uploaded under the handle.
func (s *blobStore) hasHandle(handle string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.blobs[s.handles[handle]] != nil
}

// deleteUpload deletes a file; the request must have its path and its hash.
func (s *blobStore) deleteUpload(w http.ResponseWriter, encodedPath, kind string, hash [sha256.Size]byte) {
	path, err := base64.RawURLEncoding.DecodeString(encodedPath)
	b := s.get(string(path))
	switch {
	case err != nil:
		refuseHTTP(w, http.StatusBadRequest)
	case b == nil:
		refuseHTTP(w, http.StatusNotFound)
	case b.hash != hash || b.kind != kind:
		refuseHTTP(w, http.StatusForbidden)
	default:
		s.remove(b.path)
		w.WriteHeader(http.StatusOK)
	}
}

// serveFile sends a stored file, whole or in ranges.
func (s *blobStore) serveFile(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		refuseHTTP(w, http.StatusMethodNotAllowed)
		return
	}
	if status := s.consumeFault(MediaDownload, r.URL.Query().Get("mms-type")); status != 0 {
		refuseHTTP(w, status)
		return
	}
	if !s.checkPath(r.URL.Path, r.URL.Query()) {
		refuseHTTP(w, http.StatusForbidden)
		return
	}
	b := s.get(r.URL.Path)
	if b == nil {
		refuseHTTP(w, http.StatusNotFound)
		return
	}
	if b.downloads != nil {
		b.downloads.Add(1)
	}
	if b.kind == pictureKind {
		s.servePicture(w, r, b)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b.data))
}

func refuseHTTP(w http.ResponseWriter, status int) { http.Error(w, http.StatusText(status), status) }
