import { runPython } from './python-program.ts'

const head = `
import json, os, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
import noodle_client
from noodle_client import *
noodle_client._FIRST_PAUSE = 0.02
url, token = os.environ["URL"], os.environ.get("TOKEN")
def tell(value): print(json.dumps(value))
`
/** Runs Python code that has the client at hand, and URL and TOKEN from `env`; gives what it tells last. */
export const runClient = (code: string, env: Record<string, string>) => runPython(head + code, env)
