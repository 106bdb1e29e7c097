# Everything common at once.
import json, re, math, random, datetime, collections, itertools, functools, typing, string, heapq, bisect
import copy, decimal, fractions, statistics, dataclasses, textwrap, subprocess, threading, pathlib
import traceback, tempfile, hashlib, inspect, contextlib, operator, time, csv, pprint, logging, os, io, enum
import argparse, unittest, socket, urllib.parse, shutil, glob, queue, sched, struct, pickle, base64, uuid, zlib
import sys
print(list(sys.modules))
