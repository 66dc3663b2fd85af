#!/bin/sh
# Whether this Redis answers the user `noodle`; while it loads its data it does not.
REDISCLI_AUTH=$(cat /run/secrets/redis_password) redis-cli --user noodle ping | grep -q PONG
