package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/waystation/waystation/bridge/objectstore"
	"github.com/waystation/waystation/server/config"
	"github.com/waystation/waystation/transports/kit/guard"
	"github.com/waystation/waystation/transports/kit/refusal"
)

// openStorage opens the object storages of media. Those of sessions pass the guard; the operator's may be at any
// address.
func (a *app) openStorage(ctx context.Context) (err error) {
	c := &a.cfg.ObjectStorage
	open := http.DefaultTransport.(*http.Transport).Clone()
	a.onClose("connections to the object storage", func(context.Context) error { open.CloseIdleConnections(); return nil })
	a.storage, err = objectstore.Open(ctx, a.db, objectstore.Config{
		Key: a.secret.Key("object storage keys"), PreviousKeys: a.secret.PreviousKeys("object storage keys"), Check: a.outbound.Check, Open: open,
		Guarded:  a.outbound.Client(guard.Limits{MaxRedirects: -1}).Transport,
		Global:   globalStorage(c),
		MaxBytes: int64(a.cfg.MaxMediaBytes), Uploads: c.Uploads, UploadTimeout: c.UploadTimeout, GiveUp: c.GiveUp,
		MaxWaiting: c.MaxWaiting, RetainEvery: c.RetentionInterval, RetainWorkers: c.RetentionConcurrency,
		RetainBatch: c.RetentionBatch, RetainObjects: c.RetentionObjects, Log: a.log.With("part", "s3"),
	})
	return storageSetting(err) // only the operator's settings come with Config
}

// globalStorage returns the settings of the operator's storage.
func globalStorage(c *config.ObjectStorage) objectstore.Settings {
	return objectstore.Settings{
		Enabled: c.GlobalEnabled, Endpoint: c.GlobalEndpoint, Region: c.GlobalRegion, Bucket: c.GlobalBucket,
		AccessKey: c.GlobalAccessKey, SecretKey: c.GlobalSecretKey, PathStyle: c.GlobalPathStyle, PublicURL: c.GlobalPublicURL,
		Delivery: objectstore.Delivery(c.GlobalMediaDelivery), RetentionDays: c.GlobalRetentionDays, DisableACL: c.GlobalDisableACL,
	}
}

// storageSetting replaces a field of the operator's storage by the name of its setting.
func storageSetting(err error) error {
	var bad refusal.Problems
	if errors.As(err, &bad) {
		return fmt.Errorf("%w: global-s3-%s: %s", errBadGlobals, strings.ReplaceAll(bad[0].Field, "_", "-"), bad[0].Text)
	}
	return err
}

// startStorage starts to store files. It closes before the bridge, which supplies the files.
func (a *app) startStorage(context.Context) error {
	a.storage.Start(a.bridge.StorageFiles())
	a.onClose("uploads", a.storage.Close)
	return nil
}
