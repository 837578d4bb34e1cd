package automation

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"time"

	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/kit/guard"
)

const (
	backgroundTimeout = 60 * time.Second
	maxCutPicture     = 16 << 20 // bytes of an answer of the service
)

// Background is a service that removes backgrounds of pictures: it takes the form field image_file and the header X-Api-Key, and
// answers with the picture.
type Background struct {
	url    string
	client *http.Client
}

// NewBackground returns the service at a URL, which is called through the guard for outbound connections.
func NewBackground(url string, outbound *guard.Guard) *Background {
	return &Background{url: url, client: outbound.Client(guard.Limits{Timeout: backgroundTimeout, MaxBytes: maxCutPicture})}
}

// Remove returns the picture without its background.
func (b *Background) Remove(ctx context.Context, key string, picture []byte) ([]byte, error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("image_file", "picture")
	if err == nil {
		_, err = part.Write(picture)
	}
	if err == nil {
		err = form.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("automation: encode the picture: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, b.url, &body)
	if err != nil {
		return nil, fmt.Errorf("automation: %w", err)
	}
	request.Header.Set("Content-Type", form.FormDataContentType())
	request.Header.Set("X-Api-Key", key)
	answer, err := b.client.Do(request)
	if err != nil {
		return nil, &wa.Error{Reason: wa.ReasonTimeout, Message: "the service that removes backgrounds cannot be reached", Err: err}
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, wa.NewError(wa.ReasonNotSupported, "the service that removes backgrounds answers with status %d", answer.StatusCode)
	}
	cut, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, &wa.Error{Reason: wa.ReasonTimeout, Message: "the service that removes backgrounds sends no complete picture", Err: err}
	}
	return cut, nil
}
