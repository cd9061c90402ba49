# Sourced by the scripts beside it: nginx with one worker, which answers 1 KiB.

# Names what is missing, all at once.
need() {
  local missing=()
  for program in "$@"; do
    command -v "$program" > /dev/null || missing+=("$program")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    echo "not run: install ${missing[*]}, or put it into PATH" >&2
    exit 1
  fi
}

# Sets URL and FOLDER; ends with the script that sourced this.
start_nginx() {
  FOLDER=$(mktemp -d)
  # The worker is somebody else.
  chmod 755 "$FOLDER"
  trap 'stop_nginx' EXIT
  local port=${PORT:-18190}
  URL=http://127.0.0.1:$port/1k.html
  mkdir "$FOLDER/www"
  head -c 1024 /dev/zero | tr '\0' x > "$FOLDER/www/1k.html"
  local places="" name
  for name in client_body proxy fastcgi uwsgi scgi; do
    places+="${name}_temp_path $FOLDER/$name; "
  done
  cat > "$FOLDER/nginx.conf" << END
worker_processes 1; daemon on; pid $FOLDER/nginx.pid; error_log $FOLDER/error.log;
events { worker_connections 4096; }
http { access_log off; keepalive_requests 1000000000; keepalive_timeout 3600; $places
  server { listen 127.0.0.1:$port backlog=4096; root $FOLDER/www; open_file_cache max=10; } }
END
  nginx -c "$FOLDER/nginx.conf" -e "$FOLDER/error.log"
  for _ in $(seq 100); do
    [ -s "$FOLDER/nginx.pid" ] && break
    sleep 0.1
  done
  MASTER=$(cat "$FOLDER/nginx.pid")
}

stop_nginx() {
  [ -n "${MASTER:-}" ] && kill "$MASTER"
  rm -rf "$FOLDER"
}
