"""stub"""
import json
def write(document, path):
    open(path,"w").write(json.dumps(document, allow_nan=False))
