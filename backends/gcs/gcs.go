// Package gcs is the backend for Google Cloud Storage.
package gcs

import (
	_ "golang.org/x/oauth2/google"
	_ "google.golang.org/api/storage/v1"
)
