/**
 * How the lab issues certificates.
 *
 * @module
 */

/** Where a node keeps the authority of the practice network, with its key. */
export const CERTS_DIRECTORY = "/opt/certs";

/**
 * `issue.sh NAME SANS [START END]`: a certificate `NAME.pem` with
 * `NAME-key.pem`, signed by `ca.pem` beside the script; times are
 * `YYYYMMDDHHMMSSZ`, without them it holds for a year. It stays on every node,
 * so that a fault can issue a bad one.
 *
 * Server certificates get clientAuth too: etcd's JSON gateway dials etcd itself
 * with them.
 */
export const ISSUE_SCRIPT = `#!/bin/sh
set -eu
cd "$(dirname "$0")"
name=$1 sans=$2 start=\${3-} end=\${4-}
cat >"$name.cnf" <<END
[ca]
default_ca=lab
[lab]
database=index.txt
new_certs_dir=.
rand_serial=yes
unique_subject=no
default_md=sha256
default_days=365
policy=any
x509_extensions=ext
[any]
commonName=supplied
[ext]
basicConstraints=CA:FALSE
extendedKeyUsage=serverAuth,clientAuth
\${sans:+subjectAltName=$sans}
[req]
distinguished_name=any
END
: >>index.txt
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \\
  -config "$name.cnf" -subj "/CN=$name" -keyout "$name-key.pem" \\
  -out "$name.csr"
openssl ca -batch -notext -config "$name.cnf" -cert ca.pem \\
  -keyfile ca-key.pem \${start:+-startdate "$start" -enddate "$end"} \\
  -in "$name.csr" -out "$name.pem"
chmod 600 "$name-key.pem"
`;

/** `authority.sh NAME`: a new authority `ca.pem`, `ca-key.pem` of that name. */
export const AUTHORITY_SCRIPT = `#!/bin/sh
set -eu
cd "$(dirname "$0")"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \\
  -subj "/CN=$1" -days 3650 -keyout ca-key.pem -out ca.pem
chmod 600 ca-key.pem
`;
