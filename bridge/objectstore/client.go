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

// client speaks to one storage. It is made for each use: the connections belong to the transport.
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
		BucketLookup: lookup, Transport: transport, MaxRetries: 1, // the lanes try again
	})
	if err != nil {
		return nil, &Error{Reason: ReasonUnreachable, Field: "endpoint", Message: "is not the address of a storage", Err: err}
	}
	return &client{c, settings}, nil
}

// put stores a file. Of one that is larger than a part, a part after the other is sent; nothing of it is held in memory.
// again says that an earlier process may have begun it: the parts that it left are deleted, where the keys allow that.
func (c *client) put(ctx context.Context, object string, file *File, again bool) error {
	if again && file.Size > partSize {
		_ = c.RemoveIncompleteUpload(ctx, c.settings.Bucket, object) // parts cost room, and no file
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

// remove deletes objects and returns those that are gone. One that was not there is gone too.
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
	if failed[""] { // the request as a whole
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

// shown are the types that browsers show without running anything of them.
var shown = map[string]bool{"image/jpeg": true, "image/png": true, "image/gif": true, "image/webp": true, "application/pdf": true}

// disposition keeps browsers from opening what a stranger sent as a page of the storage's host.
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
