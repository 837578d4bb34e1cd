package api

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/files"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/budget"
	"github.com/waystation/waystation/transports/kit/base64text"
)

const (
	// mediaPath accepts files that are too large for a call, and serves stored ones.
	mediaPath = "/v1/media"
	// transferTimeout limits the transfer of one file, in either direction.
	transferTimeout = 10 * time.Minute
)

// fileHandler serves files of sessions: the same store that media.upload and media.get use, as streams.
type fileHandler struct {
	*API
	transfers *budget.Budget // counts running transfers
}

func newFileHandler(a *API) *fileHandler {
	most := int64(a.Settings.MaxTransfers)
	return &fileHandler{a, budget.New(most, max(most/4, 1))}
}

// beginTransfer authenticates the caller, counts the request against its rate, and admits the transfer.
func (h *fileHandler) beginTransfer(w http.ResponseWriter, r *http.Request) (who rpc.Principal, end func(), err error) {
	if who, err = h.Sockets.Principal(r); err != nil {
		return who, nil, err
	}
	if who.Kind == rpc.ScopePublic {
		return who, nil, rpc.Unauthenticated("a token is needed")
	}
	if effect := effectOf(r.Method); !who.Permits(effect) {
		return who, nil, rpc.Forbidden("the credential does not permit the effect " + effect.String())
	}
	owner := who.ID
	if who.Session != "" {
		owner = sessionOwner(who.Session)
	}
	end, err = h.admitTransfer(w, who.ID, owner)
	return who, end, err
}

// effectOf returns the effect of a transfer.
func effectOf(method string) rpc.Effect {
	if method == http.MethodGet || method == http.MethodHead {
		return rpc.EffectRead
	}
	return rpc.EffectWrite
}

// sessionOwner names a session among the owners of transfers.
func sessionOwner(session string) string { return "session:" + session }

// admitTransfer counts a request against a rate and the transfers of its owner, and sets its deadlines. The caller must call
// end after the transfer.
func (h *fileHandler) admitTransfer(w http.ResponseWriter, rate, owner string) (end func(), err error) {
	if problem := h.Rates.Admit(rate); problem != nil {
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

// upload stores the body of the request for later use in a media object. Query: session (required when the token may
// use several), filename, sha256. Content-Type is the file's type; application/octet-stream or no type = detect it.
func (h *fileHandler) upload(w http.ResponseWriter, r *http.Request) {
	who, end, err := h.beginTransfer(w, r)
	if err != nil {
		h.writeError(w, err)
		return
	}
	defer end()
	session, about, err := h.describeUpload(r, who)
	if err != nil {
		h.writeError(w, err)
		return
	}
	if r.Header.Get(uploadLength) != "" {
		h.beginUpload(w, r, session, about)
		return
	}
	limit, overhead := h.Settings.MaxMediaBytes, 0
	if isForm(r) {
		overhead = maxFormOverhead
	}
	if r.ContentLength > int64(limit+overhead) {
		h.writeError(w, rpc.TooLarge("the file is too large", limit))
		return
	}
	// One byte more than the limit lets the store detect an oversized file.
	body := h.pacedBody(w, http.MaxBytesReader(w, r.Body, int64(limit+overhead)+1))
	if isForm(r) {
		if body, about, err = formFile(r, body, about); err != nil {
			h.writeError(w, err)
			return
		}
	}
	kept, err := session.Files().KeepUpload(r.Context(), body, about)
	if err != nil {
		h.writeError(w, err)
		return
	}
	h.writeCreated(w, kept)
}

// writeCreated answers with the stored file.
func (h *fileHandler) writeCreated(w http.ResponseWriter, kept *files.UploadedFile) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Location", h.URLs.Media(kept.MediaID))
	w.WriteHeader(http.StatusCreated)
	if err := json.NewEncoder(w).Encode(kept); err != nil {
		h.Log.Debug("reply to an upload not written", "error", err)
	}
}

// describeUpload returns the session of a file and the metadata in the request.
func (h *fileHandler) describeUpload(r *http.Request, who rpc.Principal) (session *bridge.Session, about files.Upload, err error) {
	query := r.URL.Query()
	id := query.Get("session")
	if id == "" {
		id = who.Session
	}
	if id == "" {
		return nil, about, rpc.InvalidParams("/session", "is required: the token may use several sessions")
	}
	if !who.MayUse(id) {
		return nil, about, rpc.Forbidden("the credential does not reach this session")
	}
	if session, err = h.Sessions.Session(id); err != nil {
		return nil, about, err
	}
	about = files.Upload{MimeType: r.Header.Get("Content-Type"), Filename: query.Get("filename")}
	if base, _, err := mime.ParseMediaType(about.MimeType); err == nil && defaultTypes[base] {
		about.MimeType = ""
	}
	about.SHA256, err = expectedHash(r)
	return session, about, err
}

// defaultTypes are the types that clients send when they know no type.
var defaultTypes = map[string]bool{"application/octet-stream": true, "application/x-www-form-urlencoded": true}

// expectedHash returns the SHA-256 of the file according to the request, in hex: from the query parameter sha256 or
// the header X-Content-SHA256 (both hex), or from Digest (RFC 3230: sha-256= and base64). Empty = the request has no
// hash.
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

// download serves a stored file, or parts of it, to callers that may use its session or have a signed address.
func (h *fileHandler) download(w http.ResponseWriter, r *http.Request) {
	may, end, err := h.beginDownload(w, r)
	if err != nil {
		h.writeError(w, err)
		return
	}
	defer end()
	file, err := h.findFile(r, may)
	if err != nil {
		h.writeError(w, err)
		return
	}
	defer func() { _ = file.Content.Close() }()
	// A file received from a third party must not run as a page of this server.
	w.Header().Set("Content-Security-Policy", "sandbox; default-src 'none'")
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": nameFor(file)}))
	w.Header().Set("Content-Type", file.MimeType)
	w.Header().Set("Cache-Control", "private, no-cache") // may be cached, and must be revalidated each time by its tag
	w.Header().Set("ETag", `"`+file.SHA256+`"`)
	if seeker, ok := file.Content.(io.ReadSeeker); ok {
		http.ServeContent(h.pacedWriter(w), r, "", time.Time{}, seeker)
		return
	}
	if _, err := io.Copy(h.pacedWriter(w), file.Content); err != nil {
		h.Log.Debug("file not written", "error", err)
	}
}

// beginDownload returns the sessions whose files the caller may read.
func (h *fileHandler) beginDownload(w http.ResponseWriter, r *http.Request) (may func(session string) bool, end func(), err error) {
	if !isSigned(r) {
		who, end, err := h.beginTransfer(w, r)
		return who.MayUse, end, err
	}
	session, err := h.URLs.checkSigned(r, time.Now())
	if err != nil {
		return nil, nil, err
	}
	// Signed addresses have a rate of their own, beside that of the session's calls.
	end, err = h.admitTransfer(w, "signed:"+session, sessionOwner(session))
	return func(other string) bool { return other == session }, end, err
}

// findFile searches the file in the sessions its id can belong to, restricted to those the caller may use.
func (h *fileHandler) findFile(r *http.Request, may func(session string) bool) (*files.MediaFile, error) {
	id := r.PathValue("id")
	for _, session := range h.Sessions.Sessions() {
		if !may(session.ID()) || !strings.HasPrefix(id, session.ID()+"-") {
			continue
		}
		file, err := session.Files().Get(r.Context(), id)
		if wa.ReasonOf(err) != wa.ReasonNotFound {
			return file, err
		}
	}
	return nil, rpc.NotFound("there is no such file")
}

func nameFor(file *files.MediaFile) string {
	if file.Filename != "" {
		return file.Filename
	}
	return file.MediaID
}
