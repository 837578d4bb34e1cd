package config

import "time"

// ObjectStorage is the operator's object storage for the files of messages, which is reloaded like Globals, and the
// limits of all object storages, which are not.
type ObjectStorage struct {
	GlobalEnabled       bool   `section:"Object storage" flag:"global-s3-enabled" doc:"Put the files of all sessions' messages into the object storage below, except of sessions that stay out of it (skip_global: media_storage)." why:"Sessions can have storages of their own."`
	GlobalEndpoint      string `flag:"global-s3-endpoint" unit:"URL" doc:"Address of the storage, which may be in your own network." why:"AWS."`
	GlobalRegion        string `flag:"global-s3-region" unit:"region" default:"us-east-1" doc:"Region of the bucket." why:"What storages without regions answer to."`
	GlobalBucket        string `flag:"global-s3-bucket" unit:"bucket" doc:"Bucket for the files; it must exist." why:"None."`
	GlobalAccessKey     string `flag:"global-s3-access-key" unit:"key" secret:"true" doc:"Key id." why:"None."`
	GlobalSecretKey     string `flag:"global-s3-secret-key" unit:"secret" secret:"true" doc:"Secret of the key; better set by variable than on the command line." why:"None."`
	GlobalPathStyle     bool   `flag:"global-s3-path-style" doc:"The bucket is part of the path, not of the host, as MinIO needs." why:"AWS wants it in the host."`
	GlobalPublicURL     string `flag:"global-s3-public-url" unit:"URL" doc:"Base of the addresses in events." why:"The address of the storage itself."`
	GlobalMediaDelivery string `flag:"global-s3-media-delivery" unit:"form" default:"both" enum:"base64|url|both|s3" doc:"How events carry the file: its address (url or s3), the file itself where it is small (base64), or both." why:"Whoever cannot reach the storage has small files all the same."`
	GlobalRetentionDays int    `flag:"global-s3-retention-days" unit:"days" default:"0" min:"0" max:"36500" doc:"Age at which objects are deleted; 0 = never." why:"Nothing is deleted that nobody asked to delete."`
	GlobalDisableACL    bool   `flag:"global-s3-disable-acl" doc:"Do not mark objects as public." why:"Addresses in events should work."`

	Uploads              int           `flag:"s3-uploads" unit:"files" default:"16" min:"1" max:"1000" doc:"Files on their way to object storages at a time; storages that fail get half of it." why:"Enough for some hundred MB/s."`
	UploadTimeout        time.Duration `flag:"s3-upload-timeout" unit:"duration" default:"2m" min:"1s" max:"1h" doc:"Time for one file, from WhatsApp to the storage." why:"100 MB at 1 MB/s."`
	GiveUp               time.Duration `flag:"s3-give-up" unit:"duration" default:"10m" min:"1s" max:"168h" doc:"Time a file waits for a storage that fails; then its event comes with the file itself, where it is small, and the reason." why:"A storage that restarts is back by then."`
	MaxWaiting           int           `flag:"s3-max-waiting" unit:"files" default:"10000" min:"1" doc:"Files that may wait for a session's storage, or a quarter of the operator's." why:"Some 5 MB in the database."`
	RetentionInterval    time.Duration `flag:"s3-retention-interval" unit:"duration" default:"1h" min:"1s" max:"168h" doc:"Time between runs of the worker that deletes expired objects." why:"Retention is counted in days."`
	RetentionConcurrency int           `flag:"s3-retention-concurrency" unit:"storages" default:"5" min:"1" max:"100" doc:"Storages cleaned at a time." why:"Each costs a request at a time."`
	RetentionBatch       int           `flag:"s3-retention-batch" unit:"objects" default:"1000" min:"1" max:"1000" doc:"Objects deleted by one request." why:"The most that storages take."`
	RetentionObjects     int           `flag:"s3-retention-objects" unit:"objects" default:"10000" min:"1" doc:"Objects deleted in one run; the next one goes on." why:"A run is over in a minute or so."`
}
