package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/budget"
	"github.com/waystation/waystation/transports/kit/base64text"
)

const (
	// mediaPath takes files that are too large for a call, and gives kept ones.
	mediaPath = "/v1/media"
	// transferTimeout is how long one file may take, in either direction.
	transferTimeout = 10 * time.Minute
)

// fileHandler serves files of sessions: the same store that media.upload and media.get use, as streams.
type fileHandler struct {
	app       *app
	transfers *budget.Budget // counts transfers that are under way
}

func newFileHandler(a *app) *fileHandler {
	most := int64(a.cfg.MaxTransfers)
	return &fileHandler{a, budget.New(most, max(most/4, 1))}
}

// begin authenticates the caller, counts the request against its rate, and admits the transfer.
func (h *fileHandler) begin(w http.ResponseWriter, r *http.Request) (who rpc.Principal, end func(), err error) {
	if who, err = h.app.endpoint.Principal(r); err != nil {
		return who, nil, err
	}
	if who.Kind == rpc.ScopePublic {
		return who, nil, rpc.Unauthenticated("a token is needed")
	}
	owner := who.ID
	if who.Session != "" {
		owner = sessionOwner(who.Session)
	}
	end, err = h.admit(w, who.ID, owner)
	return who, end, err
}

// sessionOwner names a session among the owners of transfers.
func sessionOwner(session string) string { return "session:" + session }

// admit counts a request against a rate and the transfers of its owner, and sets its deadlines. end must be called when it
// is over.
func (h *fileHandler) admit(w http.ResponseWriter, rate, owner string) (end func(), err error) {
	if problem := h.app.rates.Admit(rate); problem != nil {
		return nil, problem
	}
	if !h.transfers.TryAcquire(owner, 1) {
		return nil, rpc.RateLimited("too many files of this caller, or of all together, are being transferred", time.Second)
	}
	control := http.NewResponseController(w)
	deadline := time.Now().Add(transferTimeout)
	if err := errors.Join(control.SetReadDeadline(deadline), control.SetWriteDeadline(deadline)); err != nil {
		h.transfers.Release(owner, 1)
		return nil, err
	}
	return func() { h.transfers.Release(owner, 1) }, nil
}

// upload keeps the body of the request for later use in a media object. Query: session (needed when the token opens
// several), filename, sha256. Content-Type is the file's type; application/octet-stream or none = recognise it.
func (h *fileHandler) upload(w http.ResponseWriter, r *http.Request) {
	who, end, err := h.begin(w, r)
	if err != nil {
		h.app.refuse(w, err)
		return
	}
	defer end()
	session, about, err := h.describe(r, who)
	if err != nil {
		h.app.refuse(w, err)
		return
	}
	if r.Header.Get(uploadLength) != "" {
		h.beginUpload(w, r, session, about)
		return
	}
	limit, overhead := h.app.cfg.MaxMediaBytes, 0
	if isForm(r) {
		overhead = maxFormOverhead
	}
	if r.ContentLength > int64(limit+overhead) {
		h.app.refuse(w, rpc.TooLarge("the file is too large", limit))
		return
	}
	// One byte more than the limit lets the store see that it is exceeded.
	var body io.Reader = h.paced(w, http.MaxBytesReader(w, r.Body, int64(limit+overhead)+1))
	if isForm(r) {
		if body, about, err = formFile(r, body, about); err != nil {
			h.app.refuse(w, err)
			return
		}
	}
	kept, err := session.KeepUpload(r.Context(), body, about)
	if err != nil {
		h.app.refuse(w, err)
		return
	}
	h.created(w, kept)
}

// created answers with what was kept.
func (h *fileHandler) created(w http.ResponseWriter, kept *bridge.UploadedFile) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Location", h.app.mediaURL(kept.MediaID))
	w.WriteHeader(http.StatusCreated)
	if err := json.NewEncoder(w).Encode(kept); err != nil {
		h.app.log.Debug("reply to an upload not written", "error", err)
	}
}

// describe reads which session a file is for, and what is said of it.
func (h *fileHandler) describe(r *http.Request, who rpc.Principal) (session *bridge.Session, about bridge.Upload, err error) {
	query := r.URL.Query()
	id := query.Get("session")
	if id == "" {
		id = who.Session
	}
	if id == "" {
		return nil, about, rpc.InvalidParams("/session", "is needed: the token opens several sessions")
	}
	if !who.MayUse(id) {
		return nil, about, rpc.Forbidden("the credential does not reach this session")
	}
	if session, err = h.app.bridge.Session(id); err != nil {
		return nil, about, err
	}
	about = bridge.Upload{MimeType: r.Header.Get("Content-Type"), Filename: query.Get("filename")}
	if base, _, err := mime.ParseMediaType(about.MimeType); err == nil && unsaid[base] {
		about.MimeType = ""
	}
	about.SHA256, err = expectedHash(r)
	return session, about, err
}

// unsaid are the types clients name when they name none.
var unsaid = map[string]bool{"application/octet-stream": true, "application/x-www-form-urlencoded": true}

// expectedHash is the SHA-256 that a request says its file has, in hex: by the query parameter sha256 or the header
// X-Content-SHA256 (both hex), or by Digest (RFC 3230: sha-256= and base64). Empty = it says nothing.
func expectedHash(r *http.Request) (string, error) {
	said := map[string]struct{}{}
	for name, text := range map[string]string{"/sha256": r.URL.Query().Get("sha256"), "/X-Content-SHA256": r.Header.Get("X-Content-SHA256")} {
		if text == "" {
			continue
		}
		if b, err := hex.DecodeString(text); err != nil || len(b) != sha256.Size {
			return "", rpc.InvalidParams(name, "must be a SHA-256 in 64 hexadecimal digits")
		}
		said[strings.ToLower(text)] = struct{}{}
	}
	for _, header := range r.Header.Values("Digest") {
		for part := range strings.SplitSeq(header, ",") {
			algorithm, text, _ := strings.Cut(strings.TrimSpace(part), "=")
			if !strings.EqualFold(algorithm, "sha-256") {
				continue // other algorithms are not checked
			}
			b, err := base64text.Decode(text)
			if err != nil || len(b) != sha256.Size {
				return "", rpc.InvalidParams("/Digest", "must be sha-256= and the hash in base64")
			}
			said[hex.EncodeToString(b)] = struct{}{}
		}
	}
	if len(said) > 1 {
		return "", rpc.InvalidParams("/sha256", "is given in several ways that disagree")
	}
	for text := range said {
		return text, nil
	}
	return "", nil
}

// download gives a kept file, or parts of it, to who may use its session or has a signed address.
func (h *fileHandler) download(w http.ResponseWriter, r *http.Request) {
	may, end, err := h.beginDownload(w, r)
	if err != nil {
		h.app.refuse(w, err)
		return
	}
	defer end()
	file, err := h.find(r, may)
	if err != nil {
		h.app.refuse(w, err)
		return
	}
	defer func() { _ = file.Content.Close() }()
	// What a stranger sent must not run as a page of this server.
	w.Header().Set("Content-Security-Policy", "sandbox; default-src 'none'")
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": nameFor(file)}))
	w.Header().Set("Content-Type", file.MimeType)
	w.Header().Set("Cache-Control", "private, no-cache") // may be kept, and is asked for again each time, with its tag
	w.Header().Set("ETag", `"`+file.SHA256+`"`)
	if seeker, ok := file.Content.(io.ReadSeeker); ok {
		http.ServeContent(h.pacedWriter(w), r, "", time.Time{}, seeker)
		return
	}
	if _, err := io.Copy(h.pacedWriter(w), file.Content); err != nil {
		h.app.log.Debug("file not written", "error", err)
	}
}

// beginDownload finds out whose files may be had.
func (h *fileHandler) beginDownload(w http.ResponseWriter, r *http.Request) (may func(session string) bool, end func(), err error) {
	if !isSigned(r) {
		who, end, err := h.begin(w, r)
		return who.MayUse, end, err
	}
	session, err := h.app.checkSigned(r, time.Now())
	if err != nil {
		return nil, nil, err
	}
	// Addresses that were given away have a rate of their own, beside that of the session's calls.
	end, err = h.admit(w, "signed:"+session, sessionOwner(session))
	return func(other string) bool { return other == session }, end, err
}

// find looks for the file in the sessions its id can belong to, as far as the caller may use them.
func (h *fileHandler) find(r *http.Request, may func(session string) bool) (*bridge.MediaFile, error) {
	id := r.PathValue("id")
	for _, session := range h.app.bridge.Sessions() {
		if !may(session.ID()) || !strings.HasPrefix(id, session.ID()+"-") {
			continue
		}
		file, err := session.Media(r.Context(), id)
		if wa.ReasonOf(err) != wa.ReasonNotFound {
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
	return a.baseURL() + mediaPath + "/" + url.PathEscape(mediaID)
}

// baseURL is where clients reach this server.
func (a *app) baseURL() string {
	if base := strings.TrimSuffix(a.cfg.PublicURL, "/"); base != "" {
		return base
	}
	return "http://" + a.listener.Addr().String()
}
