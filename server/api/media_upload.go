package api

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/files"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/rpc"
)

// uploadPath is the path of an upload in parts. The protocol is tus 1.0 without its version header: POST /v1/media
// with Upload-Length begins one, HEAD returns its offset, PATCH with Upload-Offset adds a part, and the response to
// the last part is that of an upload in one piece.
const uploadPath = mediaPath + "/uploads"

// Header fields of uploads in parts.
const (
	uploadLength  = "Upload-Length"
	uploadOffset  = "Upload-Offset"
	uploadExpires = "Upload-Expires"
)

// fieldNumber parses a header field that is a number of bytes.
func fieldNumber(r *http.Request, name string) (int64, error) {
	n, err := strconv.ParseInt(r.Header.Get(name), 10, 64)
	if err != nil || n < 0 {
		return 0, rpc.InvalidParams("/"+name, "must be a number of bytes")
	}
	return n, nil
}

// beginUpload creates an upload; its parts follow.
func (h *fileHandler) beginUpload(w http.ResponseWriter, r *http.Request, session *bridge.Session, about files.Upload) {
	size, err := fieldNumber(r, uploadLength)
	if err == nil && r.ContentLength != 0 {
		err = rpc.InvalidParams("/"+uploadLength, "starts an upload in parts, which are sent by PATCH: the body must be empty")
	}
	var u *files.PartialUpload
	if err == nil {
		u, err = session.Files().BeginUpload(r.Context(), size, about)
	}
	if err != nil {
		h.writeError(w, err)
		return
	}
	w.Header().Set("Location", strings.TrimSuffix(h.URLs.Media(""), "/")+strings.TrimPrefix(uploadPath, mediaPath)+"/"+url.PathEscape(u.ID))
	showUpload(w, u)
	w.WriteHeader(http.StatusCreated)
}

func showUpload(w http.ResponseWriter, u *files.PartialUpload) {
	w.Header().Set(uploadOffset, strconv.FormatInt(u.Offset, 10))
	w.Header().Set(uploadLength, strconv.FormatInt(u.Size, 10))
	w.Header().Set(uploadExpires, u.ExpiresAt.Format(http.TimeFormat))
	w.Header().Set("Cache-Control", "no-store")
}

// findUpload returns the session of the upload that a request names, if the caller may use it, and its offset.
func (h *fileHandler) findUpload(r *http.Request, who rpc.Principal) (*bridge.Session, *files.PartialUpload, error) {
	id := r.PathValue("id")
	for _, session := range h.Sessions.Sessions() {
		if !who.MayUse(session.ID()) || !strings.HasPrefix(id, session.ID()+"-") {
			continue
		}
		u, err := session.Files().GetUpload(r.Context(), id)
		if wa.ReasonOf(err) != wa.ReasonNotFound {
			return session, u, err
		}
	}
	return nil, nil, rpc.NotFound("there is no such upload: it is finished, has expired or never was")
}

// onUpload returns a handler that finds the upload of a request and passes it to do.
func (h *fileHandler) onUpload(do func(w http.ResponseWriter, r *http.Request, session *bridge.Session, u *files.PartialUpload) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		who, end, err := h.beginTransfer(w, r)
		if err != nil {
			h.writeError(w, err)
			return
		}
		defer end()
		session, u, err := h.findUpload(r, who)
		if err == nil {
			err = do(w, r, session, u)
		}
		if err != nil {
			h.writeError(w, err)
		}
	}
}

func (h *fileHandler) headUpload(w http.ResponseWriter, _ *http.Request, _ *bridge.Session, u *files.PartialUpload) error {
	showUpload(w, u)
	w.WriteHeader(http.StatusOK)
	return nil
}

func (h *fileHandler) patchUpload(w http.ResponseWriter, r *http.Request, session *bridge.Session, u *files.PartialUpload) error {
	offset, err := fieldNumber(r, uploadOffset)
	if err != nil {
		return err
	}
	at, kept, err := session.Files().ContinueUpload(r.Context(), u.ID, offset, h.pacedBody(w, r.Body))
	if at != nil {
		showUpload(w, at)
	}
	switch {
	case err != nil:
		return err
	case kept != nil:
		h.writeCreated(w, kept)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
	return nil
}

func (h *fileHandler) deleteUpload(w http.ResponseWriter, r *http.Request, session *bridge.Session, u *files.PartialUpload) error {
	if err := session.Files().CancelUpload(r.Context(), u.ID); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
