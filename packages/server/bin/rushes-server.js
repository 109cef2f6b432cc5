#!/usr/bin/env node
import { launch } from './launch.js';

await launch({ name: 'rushes-server', shim: import.meta.url, build: '../dist/main.js' });
