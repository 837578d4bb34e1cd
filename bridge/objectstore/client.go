package objectstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// client is a client of one storage. It is created for each use; the transport owns the connections.
type client struct {
	*minio.Client
	settings *Settings
}

func newClient(settings *Settings, transport http.RoundTripper) (*client, error) {
	address, err := url.Parse(settings.address())
	if err != nil {
		return nil, &Error{Reason: ReasonUnreachable, Field: "endpoint", Message: "is not an address", Err: err}
	}
	lookup := minio.BucketLookupAuto
	switch {
	case settings.PathStyle:
		lookup = minio.BucketLookupPath
	case settings.Endpoint != "":
		lookup = minio.BucketLookupDNS
	}
	c, err := minio.New(address.Host, &minio.Options{
		Creds: credentials.NewStaticV4(settings.AccessKey, settings.SecretKey, ""), Secure: address.Scheme == "https", Region: settings.region(),
		BucketLookup: lookup, Transport: transport, MaxRetries: 1, // the lanes retry
	})
	if err != nil {
		return nil, &Error{Reason: ReasonUnreachable, Field: "endpoint", Message: "is not the address of a storage", Err: err}
	}
	return &client{c, settings}, nil
}

// put stores a file. A file larger than a part is sent part by part, without buffering it in memory. again means that
// an earlier process may have begun the upload: put deletes the parts of that upload if the keys permit it.
func (c *client) put(ctx context.Context, object string, file *File, again bool) error {
	if again && file.Size > partSize {
		_ = c.RemoveIncompleteUpload(ctx, c.settings.Bucket, object) // left parts use space and are not a file
	}
	options := minio.PutObjectOptions{
		ContentType: file.MimeType, ContentDisposition: disposition(file), PartSize: partSize, NumThreads: 1,
	}
	if !c.settings.DisableACL {
		options.UserMetadata = map[string]string{"x-amz-acl": "public-read"}
	}
	if _, err := c.PutObject(ctx, c.settings.Bucket, object, file.Content, file.Size, options); err != nil {
		return fmt.Errorf("s3: put: %w", err)
	}
	return nil
}

// remove deletes objects and returns the deleted ones. An object that did not exist counts as deleted.
func (c *client) remove(ctx context.Context, objects []*stored) (gone []*stored, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	names := make(chan minio.ObjectInfo, len(objects))
	for _, o := range objects {
		names <- minio.ObjectInfo{Key: o.object}
	}
	close(names)
	failed := map[string]bool{}
	for problem := range c.RemoveObjects(ctx, c.settings.Bucket, names, minio.RemoveObjectsOptions{}) {
		failed[problem.ObjectName] = true
		if minio.ToErrorResponse(problem.Err).Code == minio.NoSuchKey {
			delete(failed, problem.ObjectName)
			continue
		}
		err = errors.Join(err, problem.Err)
	}
	if failed[""] { // the whole request failed
		return nil, err
	}
	for _, o := range objects {
		if !failed[o.object] {
			gone = append(gone, o)
		}
	}
	return gone, err
}

// try writes a small object and deletes it.
func (c *client) try(ctx context.Context, object string) error {
	const text = "Waystation was here."
	if err := c.put(ctx, object, &File{Content: io.NopCloser(strings.NewReader(text)), Size: int64(len(text)), MimeType: "text/plain"}, false); err != nil {
		return err
	}
	return c.RemoveObject(ctx, c.settings.Bucket, object, minio.RemoveObjectOptions{})
}

// shown are the types that browsers display without running code in them.
var shown = map[string]bool{"image/jpeg": true, "image/png": true, "image/gif": true, "image/webp": true, "application/pdf": true}

// disposition returns the Content-Disposition of a file. It prevents browsers from opening a file of a stranger as a page
// of the storage's host; empty = the file may be displayed.
func disposition(file *File) string {
	kind, _, err := mime.ParseMediaType(file.MimeType)
	if err == nil && (shown[kind] || strings.HasPrefix(kind, "video/") || strings.HasPrefix(kind, "audio/")) {
		return ""
	}
	if file.Filename == "" {
		return "attachment"
	}
	if form := mime.FormatMediaType("attachment", map[string]string{"filename": file.Filename}); form != "" {
		return form
	}
	return "attachment"
}
