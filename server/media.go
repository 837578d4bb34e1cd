package main

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/rpc"
)

const (
	// mediaPath takes files that are too large for a call, and gives kept ones.
	mediaPath = "/v1/media"
	// transferTimeout is how long one file may take, in either direction.
	transferTimeout = 10 * time.Minute
	// maxTransfers bounds files on their way: each may fill the disk with a file of the largest size.
	maxTransfers = 32
)

// fileHandler serves files of sessions: the same store that media.upload and media.get use, as streams.
type fileHandler struct {
	app  *app
	free chan struct{}
}

func newFileHandler(a *app) *fileHandler { return &fileHandler{a, make(chan struct{}, maxTransfers)} }

// begin finds out who calls, takes a place and gives the transfer its time.
func (h *fileHandler) begin(w http.ResponseWriter, r *http.Request) (who rpc.Principal, end func(), err error) {
	if who, err = h.app.endpoint.Principal(r); err != nil {
		return who, nil, err
	}
	if who.Kind == rpc.ScopePublic {
		return who, nil, rpc.Unauthenticated("a token is needed")
	}
	select {
	case h.free <- struct{}{}:
	default:
		return who, nil, rpc.RateLimited("too many files are on their way", time.Second)
	}
	control := http.NewResponseController(w)
	deadline := time.Now().Add(transferTimeout)
	err = errors.Join(control.SetReadDeadline(deadline), control.SetWriteDeadline(deadline))
	if err != nil {
		<-h.free
		return who, nil, err
	}
	return who, func() { <-h.free }, nil
}

// upload keeps the body of the request for later use in a media object. Query: session (needed when the token opens
// several), filename. Content-Type is the file's type; application/octet-stream or none = recognise it.
func (h *fileHandler) upload(w http.ResponseWriter, r *http.Request) {
	who, end, err := h.begin(w, r)
	if err != nil {
		h.app.refuse(w, err)
		return
	}
	defer end()
	id := r.URL.Query().Get("session")
	if id == "" {
		id = who.Session
	}
	if id == "" {
		h.app.refuse(w, rpc.InvalidParams("/session", "is needed: the token opens several sessions"))
		return
	}
	if !who.MayUse(id) {
		h.app.refuse(w, rpc.Forbidden("the credential does not reach this session"))
		return
	}
	session, err := h.app.bridge.Session(id)
	if err != nil {
		h.app.refuse(w, err)
		return
	}
	kind := r.Header.Get("Content-Type")
	if base, _, err := mime.ParseMediaType(kind); err == nil && (base == "application/octet-stream" || base == "application/x-www-form-urlencoded") {
		kind = "" // what clients say when they say nothing
	}
	// One byte more than the limit lets the store see that it is exceeded.
	kept, err := session.KeepUpload(r.Context(), http.MaxBytesReader(w, r.Body, int64(h.app.cfg.MaxMediaBytes)+1), kind, r.URL.Query().Get("filename"))
	if err != nil {
		h.app.refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Location", h.app.mediaURL(kept.MediaID))
	w.WriteHeader(http.StatusCreated)
	if err := json.NewEncoder(w).Encode(kept); err != nil {
		h.app.log.Debug("reply to an upload not written", "session", id, "error", err)
	}
}

// download gives a kept file.
func (h *fileHandler) download(w http.ResponseWriter, r *http.Request) {
	who, end, err := h.begin(w, r)
	if err != nil {
		h.app.refuse(w, err)
		return
	}
	defer end()
	file, err := h.find(r, who)
	if err != nil {
		h.app.refuse(w, err)
		return
	}
	defer func() { _ = file.Content.Close() }()
	// What a stranger sent must not run as a page of this server.
	w.Header().Set("Content-Security-Policy", "sandbox; default-src 'none'")
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": nameFor(file)}))
	w.Header().Set("Content-Type", file.MimeType)
	w.Header().Set("Cache-Control", "private, no-store")
	if seeker, ok := file.Content.(io.ReadSeeker); ok {
		http.ServeContent(w, r, "", time.Time{}, seeker)
		return
	}
	if _, err := io.Copy(w, file.Content); err != nil {
		h.app.log.Debug("file not written", "error", err)
	}
}

// find looks for the file in the sessions its id can belong to, as far as the caller may use them.
func (h *fileHandler) find(r *http.Request, who rpc.Principal) (*bridge.MediaFile, error) {
	id := r.PathValue("id")
	for _, session := range h.app.bridge.Sessions() {
		if !who.MayUse(session.ID()) || !strings.HasPrefix(id, session.ID()+"-") {
			continue
		}
		file, err := session.Media(r.Context(), id)
		if bridge.ReasonOf(err) != bridge.ReasonNotFound {
			return file, err
		}
	}
	return nil, rpc.NotFound("there is no such file")
}

func nameFor(file *bridge.MediaFile) string {
	if file.Filename != "" {
		return file.Filename
	}
	return file.MediaID
}

// mediaURL is where a kept file can be fetched, with a token in the header.
func (a *app) mediaURL(mediaID string) string {
	base := strings.TrimSuffix(a.cfg.PublicURL, "/")
	if base == "" {
		base = "http://" + a.listener.Addr().String()
	}
	return base + mediaPath + "/" + url.PathEscape(mediaID)
}
