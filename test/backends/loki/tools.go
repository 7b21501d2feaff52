// SPDX-License-Identifier: Apache-2.0

//go:build tools

// Package lokibuild names what is built, for `go mod`.
package lokibuild

import _ "github.com/grafana/loki/v3/cmd/loki"
