package automation

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/kit/guard"
)

// TestRemoveBackground sends the picture of a command to a service.
func TestRemoveBackground(t *testing.T) {
	status := http.StatusOK
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		file, _, err := r.FormFile("image_file")
		if err != nil || r.Header.Get("X-Api-Key") != "key" {
			t.Errorf("key %q, %v", r.Header.Get("X-Api-Key"), err)
			return
		}
		content, _ := io.ReadAll(file)
		w.WriteHeader(status)
		_, _ = w.Write(append([]byte("cut "), content...))
	}))
	t.Cleanup(service.Close)
	outbound, err := guard.New(guard.Config{Allow: []string{"127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(outbound.Close)
	background := NewBackground(service.URL, outbound)
	cut, err := background.Remove(t.Context(), "key", []byte("picture"))
	if err != nil || string(cut) != "cut picture" {
		t.Errorf("%q %v", cut, err)
	}
	status = http.StatusPaymentRequired
	if _, err = background.Remove(t.Context(), "key", []byte("picture")); wa.ReasonOf(err) != wa.ReasonNotSupported {
		t.Errorf("refused: %v", err)
	}
	status = http.StatusOK

	key, access := "key", AccessAll
	for _, test := range []struct {
		service *Background
		want    string
	}{{background, "sticker of "}, {nil, "this server has no service that removes backgrounds"}} {
		c := newSession(t, newStore(t), "shop", Config{Background: test.service})
		c.update(Patch{CommandAccess: &access})
		info, data := c.incoming(ada, "#removebg")
		data.Type = "image"
		if got := c.receive(info, data); len(got) > 0 {
			t.Errorf("without a key: %q", got)
		}
		c.update(Patch{RemoveBackgroundKey: &key})
		info, data = c.incoming(ada, "#removebg")
		data.Type = "image"
		if got := c.receive(info, data); len(got) != 1 || got[0] != test.want && got[0] != test.want+info.ID {
			t.Errorf("answered by %q, want %q", got, test.want)
		}
	}
}
