package sandbox

import (
	"encoding/base64"

	"go.mau.fi/whatsmeow/types"
)

// newPicture stores the JPEG of a channel; no data means no picture. 406 for other files and for one beyond the limits.
func (h *newsletterHost) newPicture(data []byte) (picture, error) {
	if len(data) == 0 {
		return picture{}, nil
	}
	stored, err := h.net.storePicture(data)
	if err != nil {
		return picture{}, mexFail(406)
	}
	return stored, nil
}

// pictureInfo returns the description of a channel's picture in its "image" or "preview" form; nil when the channel has none.
func (h *newsletterHost) pictureInfo(c *newsletter, kind string) *types.ProfilePictureInfo {
	if c.picture.id == "" {
		return nil
	}
	path := h.net.blobs.directPath(c.picture.path)
	if kind == "preview" {
		path += previewQuery
	}
	info := &types.ProfilePictureInfo{ID: c.picture.id, Type: kind, URL: "https://" + pictureHost + path, DirectPath: path}
	info.Hash, _ = base64.StdEncoding.DecodeString(c.picture.hash)
	return info
}
